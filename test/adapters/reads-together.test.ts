import { Writable } from 'node:stream';
import type { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../src/adapters/database/database.ts';
import { sendInOnePiece } from '../../src/adapters/database/transaction-messages.ts';
import { OpenTelemetry } from '../../src/adapters/opentelemetry/open-telemetry.ts';
import { inSpan, type Tracing } from '../../src/domain/tracing.ts';
import { CountingProxy } from '../support/counting-proxy.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { SpanCollector } from '../support/span-collector.ts';
import { until } from '../support/wait.ts';

let database: TestDatabase;
let proxy: CountingProxy;
let orm: MikroORM | undefined;
beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await CountingProxy.to('postgres', database.serviceUrl);
});
afterEach(() => orm?.close(true));
afterAll(async () => {
  await proxy.close();
  await database.drop();
});

function open(poolSize: number, tracing: Tracing | null = null): void {
  const url = Object.assign(new URL(database.serviceUrl), { port: String(proxy.port) }).toString();
  orm = openDatabase(url, poolSize, 15_000, tracing);
}
const read = (sql: string, value: number) => orm!.em.fork().execute<{ it: number }[]>(sql, [value], 'all', together);
const together: object = { label: 'prepared', together: true };
/** Which connection a read went over. */
const place = async (number: number) => {
  const [row] = await read(`select pg_backend_pid() + 0 * ${number} * ?::int as it`, 1);
  return row!.it;
};
const times = <T>(count: number, one: (number: number) => T): T[] => Array.from({ length: count }, (_, i) => one(i));
const settled = async (works: Promise<unknown>[]) => (await Promise.allSettled(works)).map(({ status }) => status);

test('what is asked for in the same tick goes over one connection, in one piece', async () => {
  open(3);
  await place(0);
  proxy.count();
  const places = await Promise.all(times(3, (number) => place(number + 1)));
  expect(new Set(places).size).toBe(1);
  expect(proxy.requests).toHaveLength(1);
});

test('what is asked of a connection in one tick is one write', async () => {
  const writes: number[] = [];
  const stream = new Writable({
    writev: (chunks, done) => {
      writes.push(chunks.length);
      done();
    },
  });
  const client = { query: (text: unknown) => stream.write(text), connection: { stream } };
  sendInOnePiece(client);
  for (const text of ['one', 'two', 'three']) client.query(text);
  await until('they are written', () => writes.length > 0);
  expect(writes).toEqual([3]);
});

test('what is not asked for together waits for no other', async () => {
  open(2);
  const apart = orm!.em.fork().execute<{ it: number }[]>('select pg_backend_pid() + 0 * ?::int as it', [1], 'all', {
    label: 'prepared',
  });
  const [[row], ...places] = await Promise.all([apart, place(0), place(1)]);
  expect(new Set(places).size).toBe(1);
  expect(places).not.toContain(row!.it);
});

test('of more than eight at once the others have a connection of their own', async () => {
  open(3);
  const places = await Promise.all(times(9, place));
  expect([...Map.groupBy(places, (it) => it).values()].map(({ length }) => length)).toEqual([8, 1]);
});

test('one that PostgreSQL refuses leaves the others as they are', async () => {
  open(1);
  const asked = [
    read('select ?::int as it', 1),
    read('select 1 / ?::int as it', 0),
    read('select ?::int + 1 as it', 2),
  ];
  expect(await settled(asked)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  await expect(asked[1]).rejects.toThrow('division by zero');
  expect(await asked[2]).toEqual([{ it: 3 }]);
});

test('one that takes long keeps back none that was asked for before it', async () => {
  open(1);
  const told: string[] = [];
  const tell = (name: string, read: Promise<unknown>) => read.then(() => told.push(name));
  const locked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const other = openDatabase(database.serviceUrl, 1);
  const holding = other.em.fork().transactional(async (em) => {
    await em.execute('select pg_advisory_xact_lock(7)');
    locked.resolve();
    await release.promise;
  });
  await locked.promise;
  const quick = tell('quick', read('select ?::int as it', 1));
  const slow = tell('slow', read('select ?::int as it, pg_advisory_lock_shared(7)::text', 1));
  await quick;
  expect(told).toEqual(['quick']);
  release.resolve();
  await Promise.all([holding, slow]);
  await other.close(true);
});

test('where there is no connection for them all are refused', async () => {
  orm = openDatabase(Object.assign(new URL(database.serviceUrl), { port: '1' }).toString(), 1);
  expect(await settled([place(0), place(1)])).toEqual(['rejected', 'rejected']);
});

test('where their connection is lost those behind are refused, and the next ones have another', async () => {
  open(1);
  const lose = read('select pg_terminate_backend(pg_backend_pid() + 0 * ?::int) as it', 1);
  expect(await settled([lose, place(0), place(1)])).toEqual(['rejected', 'rejected', 'rejected']);
  await until('the pool serves again', () => place(2).catch(() => false));
});

test('each is part of the trace that it was asked for in', async () => {
  const collector = await SpanCollector.open();
  const tracing = new OpenTelemetry(`${collector.url}/v1/traces`);
  open(1, tracing);
  const asked = ['one', 'other'].map((name, number) =>
    inSpan(tracing, name, {}, async ({ traceparent }) => ({ name, traceparent, place: await place(number) })),
  );
  const told = await Promise.all(asked);
  await tracing.close();
  expect(told[0]!.place).toBe(told[1]!.place);
  for (const { name, traceparent } of told) {
    const spans = collector.trace(traceparent.split('-')[1]!);
    expect(spans.map((span) => collector.pathTo(span).join(' > '))).toEqual([`${name} > SELECT`, name]);
  }
  await collector.close();
});
