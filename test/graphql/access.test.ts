import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { roles } from '../../src/domain/person.ts';
import { linkRules, rootRules } from '../../src/graphql/access.ts';
import { schema } from '../../src/graphql/schema.ts';
import { endpoints } from '../../src/http/endpoints.ts';
import { restRules } from '../../src/rest/access.ts';
import { subjects } from '../support/access-subjects.ts';
import { type Cell, readCells, relations } from '../support/access-tables.ts';
import { type AccessWorld, openAccessWorld, type Situation } from '../support/access-world.ts';
import { contentOf } from '../support/outcomes.ts';
import { type Watch, watch } from '../support/rollout-watch.ts';
import { until } from '../support/wait.ts';

// Every cell of the tables in docs/access.md, as a request over the wire.
const cells = readCells();
const columns = [...new Set(cells.map(({ roles }) => roles))];
const everyTicket = 'Subscription.ticketChanged of every ticket';

let world: AccessWorld;
beforeAll(async () => {
  world = await openAccessWorld(columns);
});
afterAll(() => world.close());

describe('the tables', () => {
  const rows = Map.groupBy(cells, ({ subject }) => subject);
  /** Without "of …", "by …" and "with …". */
  const told = new Set([...rows.keys()].map((subject) => subject.replace(/ (of|by|with) .*/, '')));

  test('have every field that has a rule, every call and every path, and nothing else', () => {
    const roots = Object.keys(rootRules).flatMap((type) => {
      const root = schema.getType(type) as NonNullable<ReturnType<typeof schema.getQueryType>>;
      return Object.keys(root.getFields()).map((name) => `${type}.${name}`);
    });
    const all = [...roots, ...Object.keys(linkRules), ...Object.keys(restRules), ...Object.keys(endpoints)];
    expect([...told].toSorted()).toEqual(all.toSorted());
  });

  test('have one answer for each set of roles in each relation', () => {
    const wanted = relations
      .flatMap((relation) => columns.map((roles) => JSON.stringify([relation, roles])))
      .toSorted();
    for (const [subject, own] of rows) {
      const has = own.map(({ relation, roles }) => JSON.stringify([relation, roles])).toSorted();
      expect({ subject, has }).toEqual({ subject, has: wanted });
    }
  });

  test('have each role alone', () => {
    expect(columns).toEqual(expect.arrayContaining(['nobody', 'no role', ...roles]));
  });
});

const changes = ({ subject }: Cell): boolean => /^(Mutation|POST)/.test(subject);
/** Exports leave nothing but their records behind. */
const isRecorded = (cell: Cell): boolean => changes(cell) || cell.subject.startsWith('GET /v1/audit-records');
const requestOf = (subject: string): string =>
  subject.startsWith('GET') ? 'exportAuditRecords' : subject.replace(/^.*[./]/, '');
const isDone = (cell: Cell): boolean => changes(cell) && cell.answer === 'yes';
const bySubject = (some: readonly Cell[]) => [...Map.groupBy(some, ({ subject }) => subject)];
let asked = 0;

const situationOf = ({ relation }: Cell): Situation =>
  world.situations.find((one) => isDeepStrictEqual(one.relation, relation))!;

/** With something of its own to change. */
async function renewedFor(cell: Cell): Promise<Situation> {
  const situation = situationOf(cell);
  const kind = subjects[cell.subject]!.changes;
  if (kind === undefined) return situation;
  if (kind === 'application') return { ...situation, applicationName: await world.register() };
  return world.renew(situation, kind);
}

/** As it is answered in this situation. */
async function answered(cell: Cell, situation: Situation): Promise<Cell> {
  const { subject, roles } = cell;
  asked += 1;
  return { ...cell, answer: await subjects[subject]!.answer({ world, token: world.tokens[roles]!, situation }) };
}

/** Everything but the record of refusals and exports. */
async function contentNow(): Promise<object> {
  const { audit_record: _, ...content } = await contentOf(world.world);
  const record = await world.world.sql(
    `select * from audit_record where kind not in ('REQUEST_REFUSE', 'AUDIT_EXPORT', 'AUDIT_EXPORT_END') order by id`,
  );
  return { ...content, record };
}

describe('as the table says is answered', () => {
  let before: object;
  beforeAll(async () => {
    before = await contentNow();
  });

  test.for(bySubject(cells.filter((cell) => !isDone(cell) && cell.subject !== everyTicket)))('%s', async ([, own]) => {
    expect(await Promise.all(own.map((cell) => answered(cell, situationOf(cell))))).toEqual(own);
  });

  test('and whatever is read or refused changes nothing', async () => {
    expect(await contentNow()).toEqual(before);
  });

  test('and every refused mutation and export stands in the record', async () => {
    const refused = cells.filter((cell) => isRecorded(cell) && cell.answer !== 'yes' && cell.roles !== 'nobody');
    const wanted = new Set(refused.map(({ subject, answer }) => `${requestOf(subject)} ${answer}`));
    const records = await world.world.sql<{ data: { request: string; code: string } }>(
      `select data from audit_record where kind = 'REQUEST_REFUSE'`,
    );
    expect(new Set(records.map(({ data }) => `${data.request} ${data.code}`))).toEqual(wanted);
  });

  test.for(bySubject(cells.filter(isDone)))('%s, where it is done', async ([, own]) => {
    const got = [];
    for (const cell of own) got.push(await answered(cell, await renewedFor(cell)));
    expect(got).toEqual(own);
  });

  test('Subscription.ticketChanged of every ticket', async () => {
    const own = cells.filter(({ subject }) => subject === everyTicket);
    const query = 'subscription { it: ticketChanged { ticketNo } }';
    const watches = new Map<string, Watch<{ ticketNo: string }>>();
    for (const roles of columns) watches.set(roles, watch(world.replica, world.tokens[roles] ?? '', { query }));
    const { tickets, channels } = world.replica;
    await until('they stand', () => tickets.streamCount === columns.length - 1 && channels.channelCount > 0);
    const changed = new Map<Situation, string>();
    for (const situation of world.situations) {
      changed.set(situation, (await world.renew(situation, 'pending')).tickets.pending);
    }
    // What everybody is told of; twice, for what comes before the second one has been told before it.
    const seen = world.situations.find(({ relation }) => relation.isOwner && relation.isOwn)!;
    for (let times = 0; times < 2; times += 1) {
      const { tickets: last } = await world.renew(seen, 'pending');
      for (const [roles, { events }] of watches) {
        const isTold = () => events.some(({ ticketNo }) => ticketNo === last.pending);
        if (roles !== 'nobody') await until(`${roles} is told`, isTold);
      }
    }
    const got = own.map((cell) => {
      const { events, end } = watches.get(cell.roles)!;
      if (isDeepStrictEqual(end(), { closed: 4403 })) return { ...cell, answer: 'UNAUTHENTICATED' };
      const isTold = events.some(({ ticketNo }) => ticketNo === changed.get(situationOf(cell)));
      return { ...cell, answer: isTold ? 'told' : 'left out' };
    });
    for (const { unsubscribe } of watches.values()) unsubscribe();
    asked += own.length;
    expect(got).toEqual(own);
  });

  test(`every one of ${cells.length} cells`, () => {
    expect(asked).toBe(cells.length);
  });
});
