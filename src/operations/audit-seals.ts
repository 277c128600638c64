import type { EntityManager } from '@mikro-orm/postgresql';
import { AuditSeal, type Checkpoint } from '../domain/audit-seal.ts';
import { readRows, type RowSource } from './rows.ts';

/** As the driver gives it: a bigint is text. */
type SealRow = Omit<Checkpoint, 'firstId' | 'lastId' | 'firstAt' | 'lastAt' | 'at'> & {
  firstId: string;
  lastId: string;
  firstAt: Date;
  lastAt: Date;
  at: Date;
};
const sealRows: RowSource<SealRow> = {
  table: 'audit_seal',
  columns: [
    ...(['sequence', 'firstId', 'lastId', 'count', 'firstAt', 'lastAt', 'root', 'previousHash', 'at'] as const),
    ...(['hash', 'keyId', 'signature'] as const),
  ],
};

/** The newest seal; null before there is one. */
export async function newestSeal(em: EntityManager): Promise<Checkpoint | null> {
  const [seal] = await readSeals(em, 'order by it.sequence desc limit ?', [1]);
  return seal ?? null;
}

/** In order, from the one behind `after` through the other. */
export async function* sealsBetween(
  em: EntityManager,
  after: number,
  through: number,
  pageSize = 1_000,
): AsyncGenerator<Checkpoint> {
  for (let last = after; last < through;) {
    const page = await sealPage(em, last, through, pageSize);
    if (page.length === 0) return;
    yield* page;
    last = page.at(-1)!.sequence;
  }
}

export const sealPage = (em: EntityManager, after: number, through: number, limit: number): Promise<Checkpoint[]> =>
  readSeals(em, 'where it.sequence > ?::bigint and it.sequence <= ?::bigint order by it.sequence limit ?', [
    after,
    through,
    limit,
  ]);

async function readSeals(em: EntityManager, rest: string, params: unknown[]): Promise<Checkpoint[]> {
  const rows = await readRows<SealRow>(em, sealRows, rest, params);
  return rows.map(({ firstId, lastId, firstAt, lastAt, at, ...row }) => ({
    ...row,
    firstId: Number(firstId),
    lastId: Number(lastId),
    firstAt: firstAt.toISOString(),
    lastAt: lastAt.toISOString(),
    at: at.toISOString(),
  }));
}

export function storeSeal(em: EntityManager, { firstAt, lastAt, at, ...checkpoint }: Checkpoint): void {
  em.create(AuditSeal, {
    ...checkpoint,
    firstAt: new Date(firstAt),
    lastAt: new Date(lastAt),
    at: new Date(at),
  });
}
