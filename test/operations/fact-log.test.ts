import { Writable } from 'node:stream';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type Logger, pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AuditFact } from '../../src/domain/audit-facts.ts';
import { recordFacts } from '../../src/operations/audit.ts';
import type { Dependencies } from '../../src/operations/dependencies.ts';
import { storeRows } from '../../src/operations/stored-rows.ts';
import { inTransaction } from '../../src/operations/transaction.ts';
import { alice } from '../support/people.ts';
import { PastTickets } from '../support/past-tickets.ts';

let past: PastTickets;
let deps: Pick<Dependencies, 'orm' | 'ticketChanges' | 'log'>;
const lines: Record<string, unknown>[] = [];
beforeAll(async () => {
  past = await PastTickets.open();
  const stream = new Writable({
    write: (chunk, _, done) => (lines.push(JSON.parse(String(chunk)) as Record<string, unknown>), done()),
  });
  const log: Logger = pino({ base: null, timestamp: false, formatters: { level: (level) => ({ level }) } }, stream);
  const ticketChanges = {
    publish: async () => undefined,
    subscribe: async () => () => undefined,
    onResume: () => () => undefined,
  };
  deps = { orm: past.orm, ticketChanges, log };
});
afterAll(() => past.close());
beforeEach(() => void (lines.length = 0));

const at = new Date('2026-11-23T10:15:00.123Z');
const record = (em: EntityManager, fact: AuditFact): void =>
  recordFacts(em, null, alice, at, { applicationName: 'web', namespace: 'production' }, [fact]);
const unregistered: AuditFact = { kind: 'APPLICATION_UNREGISTER', reason: 'gone' };

test('a fact is one line that says what it is about, and has no key for what it is not about', async () => {
  await inTransaction(deps, async (em) => record(em, unregistered));
  expect(lines).toEqual([
    {
      level: 'info',
      event: 'APPLICATION_UNREGISTER',
      user: 'alice',
      application: 'web',
      namespace: 'production',
      at: at.toISOString(),
      msg: 'application web unregistered: gone',
    },
  ]);
});

test('what is not committed is not logged', async () => {
  const failed = inTransaction(deps, async (em) => {
    record(em, unregistered);
    await storeRows(em);
    throw new Error('it went wrong afterwards');
  });
  await expect(failed).rejects.toThrow('it went wrong afterwards');
  expect(lines).toEqual([]);
});

const failure = (status: string): AuditFact => ({
  kind: 'REDEPLOY_FAILED',
  status,
  errorMessage: 'object has been deleted',
  durationSeconds: 3,
});
test.for<[level: string, fact: AuditFact]>([
  ['error', failure('FAILED')],
  ['error', failure('TIMED_OUT')],
  ['info', failure('SUPERSEDED')],
  ['error', { kind: 'TICKET_FAIL', reason: 'Redis was away' }],
  ['error', { kind: 'ENTRY_FAILED', reason: 'Redis was away' }],
  ['warn', { kind: 'TICKET_BREAK_GLASS', reason: 'fire', missing: [] }],
  ['warn', { kind: 'TOKEN_STRAY', user: 'mallory', reason: 'no grant' }],
  ['warn', { kind: 'REQUEST_REFUSE', request: 'approve', code: 'FORBIDDEN', reason: 'no', count: 1 }],
  ['info', { kind: 'REDEPLOY_SUCCESS', durationSeconds: 3, currentImage: 'web:v1', currentReplicas: 3 }],
])('the level is %s of %j', async ([level, fact]) => {
  await inTransaction(deps, async (em) => record(em, fact));
  expect(lines).toMatchObject([{ level, event: fact.kind }]);
});
