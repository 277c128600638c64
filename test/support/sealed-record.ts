import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type AuditContent, hashAuditRecord } from '../../src/domain/audit-record.ts';
import { type Checkpoint, RecordRoot } from '../../src/domain/audit-seal.ts';
import type { AuditFaultKind } from '../../src/domain/audit-verification.ts';
import { checkpointOf, readKeys, type SigningKeys } from '../../src/domain/checkpoint-signature.ts';
import { auditSealer } from '../../src/operations/audit-sealing.ts';
import { newestSeal, sealsBetween } from '../../src/operations/audit-seals.ts';
import type { Desk } from '../../src/operations/dependencies.ts';
import { reading } from '../../src/operations/transaction.ts';
import { until } from './wait.ts';

/** A fresh Ed25519 key, as a file would hold it. */
export const newKeyPem = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });

export const publicPemOf = (pem: string): string => createPublicKey(pem).export({ type: 'spki', format: 'pem' });

export const newKeys = (): SigningKeys => readKeys(newKeyPem()).signing!;

/** Seals every record that there is. */
export async function sealAll(desk: Desk, keys: SigningKeys | null = null): Promise<Checkpoint> {
  const seal = auditSealer(0, keys);
  return until('every record is sealed', async () => {
    await seal(desk);
    return reading(desk, async (em) => {
      const [row] = await em.execute<{ last: string }[]>('select max(id) as last from audit_record');
      const newest = await newestSeal(em);
      return newest?.lastId === Number(row!.last) && newest;
    });
  });
}

export const allSeals = (em: EntityManager): Promise<Checkpoint[]> =>
  Array.fromAsync(sealsBetween(em, 0, Number.MAX_SAFE_INTEGER));

export const checkpointsOf = (seals: readonly Checkpoint[]): Map<number, string> =>
  new Map(seals.map(({ sequence, hash }) => [sequence, hash]));

/** By which of the safeguards a fault is found. */
export const safeguardOf = (kind: AuditFaultKind): string =>
  kind.startsWith('CHECKPOINT')
    ? 'checkpoint'
    : kind.startsWith('SIGNATURE')
      ? 'signature'
      : kind.startsWith('SEAL') || kind === 'RECORD_OUT_OF_ORDER'
        ? 'seal'
        : 'chain';

type Row = AuditContent & { id: string };

/** As somebody would who can write everything and knows how it is hashed: the ticket's chain follows from its content again. */
export async function rehashTicket(em: EntityManager, ticketId: number): Promise<void> {
  const rows = await em.execute<(Omit<Row, 'at'> & { at: string })[]>(
    `select id, ticket_id as "ticketId", sequence, level, kind, at, issuer, subject, username, address, ticket_no as "ticketNo",
            application_name as "applicationName", operation_id as "operationId", cluster, namespace, message, data
     from audit_record where ticket_id = ? order by sequence`,
    [ticketId],
  );
  let previousHash: string | null = null;
  for (const [index, { id, at, ...row }] of rows.entries()) {
    const content: AuditContent = { ...row, sequence: index + 1, at: new Date(at), previousHash };
    const hash = hashAuditRecord(content);
    await em.execute('update audit_record set sequence = ?, previous_hash = ?, hash = ? where id = ?', [
      index + 1,
      previousHash,
      hash,
      id,
    ]);
    previousHash = hash;
  }
  await em.execute('update ticket set audit_sequence = ?, audit_hash = ? where id = ?', [
    rows.length,
    previousHash,
    ticketId,
  ]);
}

/** The same of the seals, over the records as they stand by now; without keys as somebody who has not got the key. */
export async function reseal(em: EntityManager, keys: SigningKeys | null): Promise<void> {
  let before: Checkpoint | null = null;
  for (const seal of await allSeals(em)) {
    const records = await em.execute<{ id: number; hash: string }[]>(
      'select id::float8 as id, hash from audit_record where id between ? and ? order by id',
      [seal.firstId, seal.lastId],
    );
    const root = new RecordRoot();
    for (const record of records) root.add(record);
    const previousHash: string | null = before?.hash ?? null;
    const checkpoint = checkpointOf({ ...seal, count: root.count, root: root.digest(), previousHash }, keys);
    await em.execute(
      'update audit_seal set count = ?, root = ?, previous_hash = ?, hash = ?, key_id = ?, signature = ? where sequence = ?',
      [
        checkpoint.count,
        checkpoint.root,
        checkpoint.previousHash,
        checkpoint.hash,
        checkpoint.keyId,
        checkpoint.signature,
        checkpoint.sequence,
      ],
    );
    before = checkpoint;
  }
}

/** The record as it is exported, line by line: the records, then every checkpoint. */
export async function exportLines(em: EntityManager): Promise<string[]> {
  const rows = await em.execute<(Omit<Row, 'at'> & { at: string })[]>(
    `select id, ticket_id as "ticketId", sequence, level, kind, at, issuer, subject, username, address, ticket_no as "ticketNo",
            application_name as "applicationName", operation_id as "operationId", cluster, namespace, message, data,
            previous_hash as "previousHash", hash
     from audit_record order by id`,
  );
  return [
    ...rows.map(({ at, ...row }) => JSON.stringify({ ...row, at: new Date(at).toISOString() })),
    ...(await allSeals(em)).map((checkpoint) => JSON.stringify({ checkpoint })),
  ];
}
