import { once } from 'node:events';
import { createServer, type IncomingMessage, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { sendPieces } from '../../src/rest/pieces.ts';
import { fillRecord } from '../support/audit-rows.ts';
import { openTestWorld, type TestWorld } from '../support/desk.ts';
import { type LiveReplica, openLiveReplica } from '../support/live.ts';
import { until } from '../support/wait.ts';

/** Much more than a socket, its buffers and the kernel's take. */
const count = 40_000;
const idsAtOnce = 1_000;
let world: TestWorld;
let replica: LiveReplica;
beforeAll(async () => {
  world = await openTestWorld();
  replica = await openLiveReplica(world, { lookMs: 600_000 });
  await fillRecord(world.database, count);
});
afterAll(async () => {
  await replica.stop();
  await world.close();
});
afterEach(() => vi.restoreAllMocks());

/** An export whose client reads nothing until it says so. */
async function ask(token = 'frank'): Promise<IncomingMessage> {
  const { hostname, port } = new URL(replica.url);
  const headers = { authorization: `Bearer ${token}` };
  const request = send({ hostname, port, path: '/v1/audit-records.ndjson', headers, agent: false }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}
const statementsRead = () => {
  const spy = vi.spyOn(replica.replica.desk.orm.config.getLogger(), 'logQuery');
  return () => spy.mock.calls.filter(([{ query }]) => query?.includes('from audit_record it where it.id > ')).length;
};
const lastExport = async () => {
  const [last] = await world.sql<{ kind: string; data: Record<string, unknown> }>(
    `select kind, data from audit_record where kind like 'AUDIT_EXPORT%' order by id desc limit 1`,
  );
  return last;
};

describe('a client', () => {
  test('that reads slowly is waited for, and gets all', async () => {
    const statements = statementsRead();
    const response = await ask();
    // A first piece is on its way and a second one ready; nobody asks for more.
    const held = await until('the service waits', async () => {
      const before = statements();
      await world.sql('select pg_sleep(0.1)');
      return before > 0 && before === statements() && before;
    });
    expect(held).toBeLessThan(count / idsAtOnce / 2);
    const text = await textOf(response);
    expect(text.split('\n')).toHaveLength(count + 1);
    expect(statements()).toBe(Math.ceil(count / idsAtOnce));
    expect(await lastExport()).toMatchObject({ kind: 'AUDIT_EXPORT_END', data: { rows: count, isComplete: true } });
  });

  test('that leaves ends the export, and how far it came is recorded', async () => {
    const response = await ask();
    response.destroy();
    const { data } = await until('the end is recorded', async () => {
      const last = await lastExport();
      return last?.kind === 'AUDIT_EXPORT_END' && last.data['isComplete'] === false && last;
    });
    expect(data).toEqual({ exportId: data['exportId'], rows: data['rows'], lastId: data['lastId'], isComplete: false });
    expect(data['rows']).toBeLessThan(count);
    expect(data['lastId']).toBe(String(data['rows']));
  });

  test('whose sign-in runs out gets no more, and no end', async () => {
    const expiresAt = Date.now() + 300;
    const response = await ask(`frank@${expiresAt}`);
    await until('the sign-in has run out', () => Date.now() >= expiresAt);
    await expect(textOf(response)).rejects.toThrow('aborted');
  });
});

test('an export that cannot go on breaks off, instead of ending as if it were whole', async () => {
  const response = await ask();
  const role = new URL(world.database.serviceUrl).username;
  await world.sql(`revoke select on audit_record from "${role}"`);
  await expect(textOf(response)).rejects.toThrow('aborted');
  await world.sql(`grant select on audit_record to "${role}"`);
});

test('a client that takes nothing for too long is given up', async () => {
  const line = 'x'.repeat(1_000_000);
  let pieces = 0;
  let isLeft = false;
  async function* endless() {
    try {
      for (;;) {
        pieces += 1;
        yield line;
      }
    } finally {
      isLeft = true;
    }
  }
  const server = createServer((_, response) => void sendPieces(response, endless(), pino({ level: 'silent' }), 200));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const request = send({ port: (server.address() as AddressInfo).port, agent: false }).end();
  await once(request, 'response');
  await until('the source is closed', () => isLeft);
  expect(pieces).toBeLessThan(50);
  await new Promise((resolve) => server.close(resolve));
});
