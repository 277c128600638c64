import { RedeployError } from '../../src/domain/errors.ts';
import type { Desk } from '../../src/operations/dependencies.ts';
import type { OperationRow } from '../../src/operations/reads.ts';
import { findOperation } from '../../src/operations/reads.ts';
import { frank, type TestWorld } from './desk.ts';
import { until } from './wait.ts';

/** The refusal that a request must end in. */
export async function refusalOf(request: Promise<unknown>): Promise<RedeployError> {
  const refusal = await request.then(
    (answer) => new Error(`not refused but answered: ${JSON.stringify(answer)}`),
    (error: Error) => error,
  );
  if (refusal instanceof RedeployError) return refusal;
  throw refusal;
}

/** The codes that requests which came together were refused with; null for those that were let through. */
export async function codesOf(requests: readonly Promise<unknown>[]): Promise<(string | null)[]> {
  const outcomes = await Promise.allSettled(requests);
  return outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') return null;
    if (outcome.reason instanceof RedeployError) return outcome.reason.code;
    throw outcome.reason;
  });
}

export const untilEnded = (desk: Desk, { id }: { id: string }): Promise<OperationRow> =>
  until('the operation ends', async () => {
    const operation = await findOperation(desk, frank, id);
    return operation.success !== null && operation;
  });

const tables =
  'application application_target approval audit_record audit_seal operation operation_event redeploy_grant ticket ticket_entry';

/** What the database holds, every row and column of it, so that "nothing changed" can be said. */
export async function contentOf(world: TestWorld): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (const table of tables.split(' ')) {
    const [row] = await world.sql<{ rows: string }>(
      `select count(*) || ' ' || coalesce(md5(string_agg(it::text, ',' order by it::text)), '') as rows from ${table} it`,
    );
    content[table] = row!.rows;
  }
  return content;
}

export type StoredRecord = { kind: string; username: string | null; message: string; data: Record<string, unknown> };

/** Records of one kind about an application, in the order in which they were written. */
export const recordsOf = (world: TestWorld, applicationName: string, ...kinds: string[]): Promise<StoredRecord[]> =>
  world.sql<StoredRecord>(
    `select kind, username, message, data from audit_record where application_name = ? and kind = any(?::text[]) order by id`,
    [applicationName, `{${kinds.join(',')}}`],
  );
