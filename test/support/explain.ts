import { vi } from 'vitest';
import type { MikroORM } from '../../src/adapters/database/database.ts';
import type { TestWorld } from './desk.ts';

type Plan = { 'Node Type': string; 'Index Name'?: string; Plans?: Plan[] };
export type Explained = {
  /** Pages that were touched, in memory or not. */
  buffers: number;
  milliseconds: number;
  nodes: string[];
  indexes: string[];
};

/** What PostgreSQL says of each statement of these that the work made, with its parameters in their places. */
export async function explain(
  { sql }: Pick<TestWorld, 'sql'>,
  { desk }: { desk: { orm: MikroORM } },
  work: () => Promise<unknown>,
  these = /^select/,
): Promise<Explained[]> {
  const spy = vi.spyOn(desk.orm.config.getLogger(), 'logQuery');
  await work();
  const statements = spy.mock.calls.map(([context]) => (context as unknown as { formatted: string }).formatted);
  spy.mockRestore();
  const explained: Explained[] = [];
  for (const statement of statements.filter((one) => these.test(one))) {
    type Answer = { 'QUERY PLAN': [{ Plan: Plan & Record<string, number> }] };
    const [answer] = await sql<Answer>(`explain (analyze, buffers, format json) ${statement}`);
    const { Plan: root } = answer!['QUERY PLAN'][0];
    const under = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(under)];
    const plans = under(root);
    explained.push({
      buffers: root['Shared Hit Blocks']! + root['Shared Read Blocks']!,
      milliseconds: root['Actual Total Time']!,
      nodes: distinct(plans.map((plan) => plan['Node Type'])),
      indexes: distinct(plans.flatMap((plan) => plan['Index Name'] ?? [])),
    });
  }
  return explained;
}

const distinct = (names: string[]): string[] => [...new Set(names)].toSorted();
