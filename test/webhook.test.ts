import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Service } from '../src/service.ts';
import { isSigned, taken, TestReceiver } from './support/receiver.ts';
import { openTestServices, type TestServices } from './support/service.ts';
import { Story } from './support/story.ts';
import { until } from './support/wait.ts';

const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';

let services: TestServices;
let receiver: TestReceiver;
const running: Service[] = [];
const lines: string[] = [];
const log = pino({ level: 'trace' }, new Writable({ write: (chunk, _, done) => (lines.push(String(chunk)), done()) }));
beforeAll(async () => {
  services = await openTestServices({ readyMilliseconds: 20 });
});
afterAll(() => services.close());
beforeEach(async () => {
  receiver = await TestReceiver.open();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()));
  await receiver.close();
});

const serve = async (env: Record<string, string> = {}) => {
  const service = await services.start(env, log);
  running.push(service);
  return Story.open(services, service);
};
const toReceiver = (more: Record<string, string> = {}) => ({
  WEBHOOK_URL: receiver.url,
  WEBHOOK_SECRET: secret,
  ...more,
});
const typesOf = (ticketNo: string) => receiver.of({ ticketNo }).map(({ type }) => type.split('.').slice(3).join('.'));
const life = ['ticket.created', 'ticket.approved', 'operation.started', 'operation.completed'];

test("a ticket's whole life is told, signed and in order, to the verdict", async () => {
  const story = await serve(toReceiver());
  const { applicationName, namespace } = await story.place();
  const ticketNo = await story.authorized(applicationName);
  await story.completed(applicationName);
  await until('the verdict is told', () => typesOf(ticketNo).length === life.length);
  expect(typesOf(ticketNo)).toEqual(life);
  for (const delivery of receiver.deliveries) expect(await isSigned(delivery, secret)).toBe(true);
  const [created, approved, started, completed] = receiver.of({ ticketNo }).map(({ data }) => data);
  expect(created).toMatchObject({ status: 'PENDING_APPROVAL', username: 'alice', applications: [applicationName] });
  expect(approved).toMatchObject({ status: 'APPROVED', username: 'carol', message: 'approved, 1 of 1: seen' });
  expect(started).toMatchObject({ applicationName, namespace, rolloutStatus: 'STARTED' });
  const { operationId } = started!;
  expect(completed).toMatchObject({ operationId, rolloutStatus: 'COMPLETED', username: 'alice' });
  expect(await story.operation(String(operationId))).toMatchObject({ applicationName, success: true });
});

test('a token that ends soon is told of by the service itself', async () => {
  const story = await serve(toReceiver({ TOKEN_HOURS: '0.2' }));
  const ticketNo = await story.authorized((await story.place()).applicationName);
  await until('it is told', () => typesOf(ticketNo).includes('token.expiring'));
  expect(typesOf(ticketNo)).toEqual(['ticket.created', 'ticket.approved', 'token.expiring']);
});

test('redeploys go on to their verdicts while the receiver answers nobody, and it is told all of it afterwards', async () => {
  const hanging: (() => void)[] = [];
  receiver.answer = (response) => hanging.push(() => response.destroy());
  const story = await serve(toReceiver());
  const places = await Promise.all(Array.from({ length: 9 }, () => story.place()));
  const ticketNos = await Promise.all(places.map(({ applicationName }) => story.authorized(applicationName)));
  await until('as many hang as ever will', () => hanging.length >= 8);
  await Promise.all(places.map(({ applicationName }) => story.completed(applicationName)));
  const waiting = await services.sql(
    `select id from outbox where ended_at is null and notification -> 'data' ->> 'ticketNo' = any(?::text[])`,
    [`{${ticketNos.join(',')}}`],
  );
  expect(waiting).toHaveLength(life.length * places.length); // nothing has been delivered all the while
  receiver.answer = taken;
  for (const hangUp of hanging) hangUp();
  await until('all of it is told', () => ticketNos.every((ticketNo) => typesOf(ticketNo).includes(life.at(-1)!)), 30);
  for (const ticketNo of ticketNos) {
    expect(typesOf(ticketNo).filter((type, i, all) => type !== all[i - 1])).toEqual(life);
  }
});

test('without WEBHOOK_URL nobody is told, and nothing is stored to be told', async () => {
  await services.sql('delete from outbox'); // no service runs that would add to it
  const story = await serve();
  const { applicationName } = await story.place();
  await story.authorized(applicationName);
  await story.completed(applicationName);
  expect(await services.sql('select id from outbox')).toEqual([]);
  expect(receiver.deliveries).toEqual([]);
});

test('neither secret nor address is ever logged or stored, though failures are', async () => {
  receiver.answer = (response) => response.writeHead(500).end();
  const story = await serve(toReceiver({ WEBHOOK_FORMAT: 'slack', LOG_LEVEL: 'trace' }));
  await story.requested((await story.place()).applicationName);
  await until('a failure is logged', () => lines.some((line) => line.includes('HTTP 500')));
  for (const service of running.splice(0)) await service.stop();
  for (const hidden of [secret, '/hooks/in']) {
    expect(lines.join('')).not.toContain(hidden);
    for (const table of ['audit_record', 'outbox']) {
      const found = await services.sql(`select id from ${table} it where strpos(it::text, ?) > 0`, [hidden]);
      expect(found).toEqual([]);
    }
  }
});
