import { vi } from 'vitest';
import type { MikroORM } from '../../src/adapters/database/database.ts';
import type { TestWorld } from './desk.ts';
import { type Explained, explainStatement, statementText } from './plans.ts';

/** What PostgreSQL says of each statement of these that the work made, with its parameters in their places. */
export async function explain(
  { sql }: Pick<TestWorld, 'sql'>,
  { desk }: { desk: { orm: MikroORM } },
  work: () => Promise<unknown>,
  these = /^select/,
): Promise<Explained[]> {
  const spy = vi.spyOn(desk.orm.config.getLogger(), 'logQuery');
  await work();
  const statements = spy.mock.calls.map(([context]) => statementText(desk.orm, context));
  spy.mockRestore();
  const explained: Explained[] = [];
  for (const statement of statements.filter((one) => these.test(one))) {
    explained.push(await explainStatement(sql, statement));
  }
  return explained;
}
