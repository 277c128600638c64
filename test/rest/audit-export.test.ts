import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/adapters/database/database.ts';
import { type AuditContent, hashAuditRecord } from '../../src/domain/audit-record.ts';
import { type Lists, openLists } from '../support/lists.ts';
import { callRest, type RestAnswer } from '../support/rest.ts';
import { until } from '../support/wait.ts';

let lists: Lists;
beforeAll(async () => {
  lists = await openLists();
});
afterAll(() => lists.close());

type Line = Record<string, unknown> & { id: string; kind: string; data: Record<string, unknown> };
const call = (query: Record<string, string> | string = '', who = 'frank', method = 'GET'): Promise<RestAnswer> =>
  callRest(lists.replica, {
    method,
    path: `/v1/audit-records.ndjson?${typeof query === 'string' ? query : String(new URLSearchParams(query))}`,
    token: who,
  });
const linesOf = ({ text }: RestAnswer): Line[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
const exported = async (query: Record<string, string> = {}, who = 'frank'): Promise<Line[]> => {
  const answer = await call(query, who);
  expect(answer.status).toBe(200);
  return linesOf(answer);
};
const stored = (rest = '') => lists.world.sql<Line>(`select * from audit_record ${rest} order by id`);
const exportsOf = async () => {
  const found = await stored(`where kind like 'AUDIT_EXPORT%'`);
  return found.map(({ kind, data }) => ({ kind, ...data }));
};

describe('an export as NDJSON', () => {
  test.for(['frank', 'grace'])('gives %s every record there is, in the order of its id, each whole', async (who) => {
    const before = await stored();
    const lines = await exported({}, who);
    expect(lines.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    for (const { id: _, outcome: __, hash, at, ...content } of lines) {
      expect(hashAuditRecord({ ...content, at: new Date(String(at)) } as unknown as AuditContent)).toBe(hash);
    }
  });

  test('is refused to others, and that is recorded', async () => {
    for (const who of ['alice', 'carol']) {
      expect(await call('', who)).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
      const [refusal] = (await stored(`where kind = 'REQUEST_REFUSE' and username = '${who}'`)).slice(-1);
      expect(refusal!.data).toMatchObject({ request: 'exportAuditRecords', code: 'FORBIDDEN' });
    }
    expect((await callRest(lists.replica, { path: '/v1/audit-records.csv' })).status).toBe(401);
  });

  test('goes on from any of its lines without a gap or a double', async () => {
    const all = await exported();
    const middle = all[7]!.id;
    const rest = await exported({ after: middle });
    expect(rest.slice(0, all.length - 8)).toEqual(all.slice(8));
    // What came meanwhile: the two records of the export before, and nothing of this one.
    expect(rest.slice(all.length - 8).map(({ kind }) => kind)).toEqual(['AUDIT_EXPORT', 'AUDIT_EXPORT_END']);
    expect(await exported({ after: '999999999999999999' })).toEqual([]);
  });

  const instant = (line: Line | undefined) => String(line!['at']);
  const day = (number: number) => new Date(Date.now() + number * 86_400_000).toISOString();
  const today = { from: day(-1), to: day(1) };
  type Case = [what: string, query: (all: Line[]) => Record<string, string>, isMeant: (line: Line) => boolean];
  const filters: Case[] = [
    ['ticketNo', () => ({ ticketNo: lists.critical }), (line) => line['ticketNo'] === lists.critical],
    ['operationId', () => ({ operationId: lists.operationId }), (line) => line['operationId'] === lists.operationId],
    ['username', () => ({ username: 'carol' }), (line) => line['username'] === 'carol'],
    ['applicationName', () => ({ applicationName: 'web' }), (line) => line['applicationName'] === 'web'],
    ['level', () => ({ level: 'TOKEN,ENTRY' }), (line) => ['TOKEN', 'ENTRY'].includes(String(line['level']))],
    ['kind', () => ({ kind: 'TICKET_CANCEL' }), ({ kind }) => kind === 'TICKET_CANCEL'],
    ['outcome', () => ({ outcome: 'APPROVED' }), ({ outcome }) => outcome === 'APPROVED'],
    [
      'username and kind',
      () => ({ username: 'bob', kind: 'TICKET_CREATE,REDEPLOY_START' }),
      (line) => line['username'] === 'bob' && /^(TICKET_CREATE|REDEPLOY_START)$/.test(line.kind),
    ],
    ['text', () => ({ text: 'ANSWERS 500', ...today }), (line) => String(line['message']).endsWith('answers 500')],
  ];
  test.for(filters)('by %s holds what it names', async ([, queryOf, isMeant]) => {
    const before = (await exported()).filter((line) => !line.kind.startsWith('AUDIT_EXPORT'));
    const expected = before.filter(isMeant);
    expect(expected.length).toBeGreaterThan(0);
    expect(await exported(queryOf(before))).toEqual(expected);
  });

  test('from one instant up to another holds what was recorded then', async () => {
    const all = await exported();
    const [from, to] = [instant(all[5]), instant(all[15])];
    const expected = all.filter((line) => from <= instant(line) && instant(line) < to);
    expect(expected.length).toBeGreaterThan(5);
    expect(await exported({ from, to })).toEqual(expected);
    expect(await exported({ from, to, kind: 'TICKET_CREATE' })).toEqual(
      expected.filter(({ kind }) => kind === 'TICKET_CREATE'),
    );
    expect(await exported({ from: to, to: from })).toEqual([]);
  });

  test.for<[query: string, fields: string[]]>([
    ['form=2026-01-01', ['form']],
    ['kind=TICKET_CREATE&kind=TICKET_FAIL', ['kind']],
    ['level=TICKET,NOTHING', ['level.1']],
    ['outcome=', ['outcome.0']],
    ['from=yesterday', ['from']],
    ['to=%2B200000-01-01', ['to']],
    ['after=x', ['after']],
    ['after=-1', ['after']],
    ['username=%00', ['username']],
    ['text=answers', ['text']],
    ['text=answers&from=2026-01-01&to=2026-02-02', ['text']],
  ])('with %s is refused and names the fault', async ([query, fields]) => {
    const before = await exportsOf();
    const { status, body } = await call(query);
    expect({ status, code: body['code'], fields: body['fields'] }).toEqual({
      status: 422,
      code: 'INVALID_INPUT',
      fields,
    });
    expect(await exportsOf()).toEqual(before);
  });
});

describe('an export is recorded', () => {
  test('before anything is handed out, and when all was', async () => {
    const earlier = (await exportsOf()).length;
    const [last] = await stored('where id = (select max(id) from audit_record)');
    const lines = await exported({ username: 'alice', after: '3', from: '2026-01-01T00:00:00Z' });
    const [begin, end, ...others] = (await exportsOf()).slice(earlier);
    expect(begin).toEqual({
      kind: 'AUDIT_EXPORT',
      exportId: expect.stringMatching(/^[\da-f-]{36}$/) as unknown,
      format: 'ndjson',
      filter: { username: 'alice', after: '2026-01-01T00:00:00.000Z' },
      after: '3',
      lastId: last!.id,
    });
    const handedOut = { rows: lines.length, lastId: lines.at(-1)!.id, isComplete: true };
    expect(end).toEqual({ kind: 'AUDIT_EXPORT_END', exportId: begin!['exportId' as never], ...handedOut });
    expect(others).toEqual([]);
  });

  test('or it does not happen', async () => {
    const role = new URL(lists.world.database.serviceUrl).username;
    await lists.world.sql(`revoke insert on audit_record from "${role}"`);
    const answer = await call();
    await lists.world.sql(`grant insert on audit_record to "${role}"`);
    expect(answer).toMatchObject({ status: 500, body: { code: 'INTERNAL_SERVER_ERROR' } });
  });

  test('not where only its header is asked for', async () => {
    const before = await exportsOf();
    expect(await call('', 'frank', 'HEAD')).toMatchObject({ status: 200, text: '' });
    expect((await call('', 'alice', 'HEAD')).status).toBe(403);
    expect(await exportsOf()).toEqual(before);
  });
});

test('a record whose transaction began before the export and has not ended yet is waited for', async () => {
  const service = openDatabase(lists.world.database.serviceUrl, 2);
  const [written, may] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const insert = `insert into audit_record (level, kind, at, message, data, hash)
    values ('SERVICE', 'REQUEST_REFUSE', now(), 'late', '{}', 'of a late one')`;
  const late = service.em.fork().transactional(async (em) => {
    await em.execute(insert);
    written.resolve();
    await may.promise;
  });
  await written.promise;
  await service.em.fork().execute(insert.replaceAll('late', 'early'));
  let isAnswered = false;
  const answer = exported().finally(() => (isAnswered = true));
  await until('the export is recorded and waits', async () => {
    const [last] = (await exportsOf()).slice(-1);
    return last?.kind === 'AUDIT_EXPORT';
  });
  expect(isAnswered).toBe(false);
  may.resolve();
  await late;
  const messages = (await answer).map(({ message }) => message);
  expect(messages.slice(-2)).toEqual(['late', 'early']);
  await service.close(true);
});
