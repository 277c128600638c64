import type { MikroORM } from '../../src/adapters/database/database.ts';

type Plan = { 'Node Type': string; 'Index Name'?: string; Plans?: Plan[] };
export type Explained = {
  /** Pages that were touched, in memory or not. */
  buffers: number;
  milliseconds: number;
  nodes: string[];
  indexes: string[];
};

/** What PostgreSQL says of a statement, with its parameters in their places. */
export async function explainStatement(
  sql: <Row extends object>(text: string) => Promise<Row[]>,
  statement: string,
): Promise<Explained> {
  type Answer = { 'QUERY PLAN': [{ Plan: Plan & Record<string, number> }] };
  const [answer] = await sql<Answer>(`explain (analyze, buffers, format json) ${statement}`);
  const { Plan: root } = answer!['QUERY PLAN'][0];
  const under = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(under)];
  const plans = under(root);
  return {
    buffers: root['Shared Hit Blocks']! + root['Shared Read Blocks']!,
    milliseconds: root['Actual Total Time']!,
    nodes: distinct(plans.map((plan) => plan['Node Type'])),
    indexes: distinct(plans.flatMap((plan) => plan['Index Name'] ?? [])),
  };
}

const distinct = (names: string[]): string[] => [...new Set(names)].toSorted();

/** A statement that MikroORM has logged, with its parameters in their places: what is prepared has them beside it. */
export function statementText({ em }: MikroORM, logged: object): string {
  const { formatted, query = '', params = [] } = logged as { formatted?: string; query?: string; params?: unknown[] };
  return formatted ?? em.getPlatform().formatQuery(query.replaceAll(/\$\d+/g, '?'), params);
}
