import { type AuditContent, hashAuditRecord } from '../../src/domain/audit-record.ts';
import type { TestWorld } from './desk.ts';

export type ChainRecord = AuditContent & { hash: string };

/** A ticket's story as it is stored, in order. */
export async function chainOf(world: Pick<TestWorld, 'sql'>, ticketId: number): Promise<ChainRecord[]> {
  const rows = await world.sql<Omit<ChainRecord, 'at'> & { at: string }>(
    `select ticket_id as "ticketId", sequence, level, kind, at, issuer, subject, username, address, ticket_no as "ticketNo",
            application_name as "applicationName", operation_id as "operationId", cluster, namespace, message, data,
            previous_hash as "previousHash", hash
     from audit_record where ticket_id = ? order by sequence`,
    [ticketId],
  );
  return rows.map((row) => ({ ...row, at: new Date(row.at) }));
}

/** What an auditor finds wrong with a ticket's story, from the stored rows alone. */
export async function faultsInChain(world: Pick<TestWorld, 'sql'>, ticketId: number): Promise<string[]> {
  const chain = await chainOf(world, ticketId);
  const faults = chain.flatMap(({ hash, ...content }, i) => [
    ...(content.sequence === i + 1 ? [] : [`record ${i + 1} has the number ${content.sequence}`]),
    ...(content.previousHash === (chain[i - 1]?.hash ?? null)
      ? []
      : [`record ${i + 1} does not follow the one before`]),
    ...(hashAuditRecord(content) === hash ? [] : [`record ${i + 1} was altered`]),
  ]);
  const [head] = await world.sql<{ sequence: number; hash: string }>(
    'select audit_sequence as sequence, audit_hash as hash from ticket where id = ?',
    [ticketId],
  );
  const isHead = head!.sequence === chain.length && head!.hash === chain.at(-1)?.hash;
  return isHead ? faults : [...faults, 'the ticket has another head'];
}
