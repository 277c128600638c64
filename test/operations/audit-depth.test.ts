import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditLevels } from '../../src/domain/audit-facts.ts';
import type { AuditFilter } from '../../src/operations/audit-filter.ts';
import { listAuditRecords } from '../../src/operations/audit-lists.ts';
import { instantCursor, type Page } from '../../src/operations/pages.ts';
import { fillRecord, recordBegin } from '../support/audit-rows.ts';
import { openTestWorld, type Replica, type TestWorld } from '../support/desk.ts';
import { explain } from '../support/explain.ts';

// With TEST_AUDIT_ROWS=5000000 as large as a record gets.
const count = Number(process.env['TEST_AUDIT_ROWS'] ?? 60_000);
const isTold = process.env['TEST_AUDIT_ROWS'] !== undefined;
const limit = 50;
const mostBuffers = 100;

let world: TestWorld;
let replica: Replica;
beforeAll(async () => {
  world = await openTestWorld();
  replica = await world.openReplica({ follows: false });
  await fillRecord(world.database, count);
}, 3_600_000);
afterAll(() => world.close());

const readPage = (filter: AuditFilter, page: Partial<Page>) =>
  listAuditRecords(replica.desk, filter, { after: null, before: null, limit, inverted: false, ...page });

async function explainPage(filter: AuditFilter, page: Partial<Page> = {}) {
  const [explained] = await explain(world, replica, () => readPage(filter, page));
  if (isTold) process.stdout.write(`${JSON.stringify({ filter, page, ...explained })}\n`);
  return explained!;
}

/** So far from the newest that nothing but a few pages is behind it. */
async function deepCursor(filter: AuditFilter): Promise<string> {
  const oldest = await readPage(filter, { inverted: true, limit: limit + 10 });
  return instantCursor(oldest.at(-1)!);
}

const day = (number: number): Date => new Date(recordBegin.getTime() + number * 86_400_000);
/** Frequent in the first half of the record and never seen again: `retired`, and TICKET_REJECT. */
const questions: [what: string, filter: AuditFilter, indexes: string[]][] = [
  ['everything', null, ['instant']],
  ['a time range', { after: day(10), before: day(360) }, ['instant']],
  ['a user', { username: 'user-7' }, ['user']],
  ['a user who is gone', { username: 'retired' }, ['user']],
  ['an application', { applicationName: 'application-7' }, ['application']],
  ['an application that is gone', { applicationName: 'retired' }, ['application']],
  ['an application and a user', { applicationName: 'application-7', username: 'user-7' }, ['application_user']],
  ['both gone', { applicationName: 'retired', username: 'retired' }, ['application_user']],
  ['a frequent namespace', { namespace: 'production' }, ['namespace']],
  ['a namespace that is gone', { namespace: 'retired' }, ['namespace']],
  ['a ticket', { ticketNo: 'n0000100' }, ['ticket']],
  ['an operation', { operationId: '00000000-0000-0000-0000-000000000100' }, ['operation']],
  ['a level', { level: ['ENTRY'] }, ['level']],
  ['every level', { level: auditLevels }, ['level']],
  ['a frequent kind', { kind: ['ROLLOUT_STATUS'] }, ['kind']],
  ['a kind that is gone', { kind: ['TICKET_REJECT'] }, ['kind']],
  ['a kind that there never was', { kind: ['TICKET_BREAK_GLASS'] }, ['kind']],
  ['several kinds', { kind: ['TICKET_REJECT', 'POD_CHANGES', 'TOKEN_STRAY', 'TICKET_CREATE'] }, ['kind']],
  ['success', { outcome: ['SUCCEEDED'] }, ['kind', 'result']],
  ['failure', { outcome: ['FAILED'] }, ['kind', 'result']],
  ['a refusal', { outcome: ['REFUSED'] }, ['kind']],
  ['a user in a time range', { username: 'retired', after: day(10), before: day(300) }, ['user']],
  ['a level in a time range', { level: ['TOKEN', 'ENTRY'], after: day(10), before: day(300) }, ['level']],
];

describe(`of ${count} records`, () => {
  test.for(questions)('a page of %s comes from its index, at any depth', async ([, filter, indexes]) => {
    const shallow = await explainPage(filter);
    const after = await readPage(filter, { limit: 1 }).then(([row]) => (row ? deepCursor(filter) : null));
    const deep = await explainPage(filter, { after });
    const backwards = await explainPage(filter, { before: after, inverted: true });
    for (const { nodes, ...found } of [shallow, deep, backwards]) {
      expect(found.indexes).toEqual(indexes.map((name) => `audit_record_${name}_index`));
      expect(nodes.filter((node) => !/^(Limit|Index Scan|Merge Append|Subquery Scan|Result)$/.test(node))).toEqual([]);
      expect(found.buffers).toBeLessThanOrEqual(mostBuffers);
    }
    expect(deep.buffers).toBeLessThanOrEqual(1.5 * shallow.buffers);
  });

  test.for<[what: string, filter: AuditFilter]>([
    ['application and kind', { applicationName: 'application-7', kind: ['REDEPLOY_START', 'REDEPLOY_SUCCESS'] }],
    ['user, namespace and level', { username: 'user-7', namespace: 'production', level: ['OPERATION'] }],
    ['application and outcome', { applicationName: 'application-7', outcome: ['FAILED', 'APPROVED'] }],
    ['a text in a month', { text: 'told in a SENTENCE', after: day(100), before: day(131) }],
    ['a text of an application', { applicationName: 'retired', text: 'nowhere', after: day(100), before: day(131) }],
  ])('%s together read no more than one index gives', async ([, filter]) => {
    const { nodes } = await explainPage(filter);
    expect(nodes).not.toContain('Seq Scan');
  });
});
