import { afterAll, beforeAll, expect, test } from 'vitest';
import { Chance, seed } from '../support/chance.ts';
import { ask } from '../support/service.ts';
import { WireClient } from '../support/wire-client.ts';
import { HostileRequests } from './hostile-requests.ts';
import { wrongAuthorizations } from './hostile-sign-ins.ts';
import { HostileWorld, subscriptionsPerUser } from './hostile-world.ts';
import { HttpSender } from './http-sender.ts';
import { rawRequest } from './raw-requests.ts';
import { SocketScripts } from './socket-scripts.ts';
import { play, resultOf } from './socket-sender.ts';
import { Tally } from './tally.ts';
import { Verdicts } from './verdicts.ts';

const count = Number(process.env['TEST_REQUESTS'] ?? 10_000);
/** Of them, over HTTP and with nothing of HTTP; the rest are messages over WebSockets. */
const httpCount = Math.floor(count * 0.7);
const rawCount = Math.floor(count * 0.03);
const atOnce = 16;
/** With which a service may close a connection that is misused. */
const closeCodes = [1000, 1002, 1003, 1007, 1009, 1013, 4400, 4401, 4403, 4409, 4429];

const subscriptionIds = Array.from({ length: subscriptionsPerUser }, (_, place) => String(place));

let world: HostileWorld;
let requests: HostileRequests;
let verdicts: Verdicts;
let tokens: string[];
const chance = new Chance(seed);
const tally = new Tally();

beforeAll(async () => {
  world = await HostileWorld.open();
  const { services, story } = world;
  const odd = [`nora:{*}%\u00e9`, "x' or 1=1 --", '__proto__', 'alice:APPLICATION_NAME:web'];
  const others = odd.map((name) => services.signIn(name, 'APPLICATION_DEPLOYER', 'APPROVER'));
  const nobody = services.signIn('nora');
  tokens = [...Object.values(story.tokens), ...(await Promise.all([...others, nobody]))];
  const wrong = Object.values(await wrongAuthorizations(services.issuer));
  const signatures = [...tokens, ...wrong].map((token) => token.split('.')[2] ?? '').filter((part) => part.length > 40);
  verdicts = new Verdicts([...signatures, new URL(services.database.serviceUrl).password]);
  requests = new HostileRequests(chance, world.place, { right: tokens.map((token) => `Bearer ${token}`), wrong });
});
afterAll(async () => {
  process.stdout.write(`\nseed ${seed}: ${String(tally)}\n`);
  await world.close();
});

/** As many at a time as is well for both sides. */
async function inTurns<T>(items: readonly T[], send: (item: T) => Promise<void>): Promise<void> {
  const left = items.toReversed();
  const worker = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await send(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function overHttp(): Promise<void> {
  const sender = new HttpSender(world.service.url);
  const all = Array.from({ length: httpCount }, () => requests.next());
  await inTurns(all, async (request) => {
    const heard = await sender.send(request);
    const { code, fault } = verdicts.ofAnswer(heard, request.isSignedIn);
    tally.count(request.transport, `${heard.status} ${code}`);
    if (fault !== null || heard.status === 0)
      tally.blame(fault ?? 'has no answer', { request, heard: heard.text.slice(0, 300) });
  });
  await inTurns(
    Array.from({ length: rawCount }, () => rawRequest(chance)),
    async (bytes) => {
      const answers = await sender.sendRaw(bytes);
      tally.count(
        'bytes',
        answers
          .map(({ status }) => status)
          .slice(0, 3)
          .join(' then ') || 'closed',
      );
      for (const heard of answers) {
        const { fault } = verdicts.ofAnswer(heard, true);
        if (fault !== null || heard.status === 0) tally.blame(fault ?? 'not closed', bytes);
      }
    },
  );
  sender.close();
}

async function overWebSockets(): Promise<void> {
  const scripts = new SocketScripts(chance, requests);
  const all = [];
  for (let frames = count - httpCount - rawCount; frames > 0; frames -= all.at(-1)!.frames.length)
    all.push(scripts.next());
  await inTurns(all, async (script) => {
    const { messages, code, fault } = await play(world.service.subscriptionsUrl, script);
    const about = { ...script, awaited: [...script.awaited], bytes: script.bytes?.toString('hex') };
    if (fault !== null && !script.bytes) tally.blame(fault, about);
    const isMisused = code === null || closeCodes.includes(code) || (script.bytes !== undefined && code === 1006);
    if (!isMisused) tally.blame(`closed with ${code}`, about);
    const answered = new Set<string>();
    for (const message of messages) {
      const heard = { status: 200, text: JSON.stringify(resultOf(message)), contentType: 'application/json' };
      const { code: told, fault: wrong } = verdicts.ofAnswer(heard, script.isSignedIn);
      if (wrong !== null) tally.blame(wrong, { message, script: about });
      if (message.id === undefined || answered.has(message.id)) continue;
      answered.add(message.id);
      tally.count('WebSocket', `${message.type} ${told}`);
    }
    const unanswered = code === null ? 'not answered' : `closed with ${code}`;
    for (let left = script.frames.length - answered.size; left > 0; left -= 1) tally.count('WebSocket', unanswered);
  });
}

test(
  'whatever is sent, nothing fails, nothing is told that is not for clients, and nothing changes',
  async () => {
    const before = await world.content();
    await overHttp();
    await overWebSockets();
    expect(tally.faults).toEqual([]);
    expect(await world.content()).toEqual(before);
    expect(world.changes).toEqual([]);
  },
  count * 30,
);

test('the service goes on serving, has logged nothing but whole and harmless lines, and stops in order', async () => {
  const { service, story } = world;
  expect(service.isRunning).toBe(true);
  expect((await fetch(new URL('/livez', service.url))).status).toBe(200);
  expect((await ask(service, story.tokens.alice, '{ viewer { username } }')).data).toEqual({
    viewer: { username: 'alice' },
  });
  for (const token of tokens) {
    const client = await WireClient.open(service.subscriptionsUrl);
    await client.signIn(token);
    for (const id of subscriptionIds) {
      client.send({ id, type: 'subscribe', payload: { query: 'subscription { ticketChanged { ticketNo } }' } });
    }
    client.send({ type: 'ping' });
    await client.until(({ type }) => type === 'pong');
    expect(client.received.filter(({ type }) => type === 'error')).toEqual([]);
    client.close();
    await client.closed;
  }
  expect(await service.stop()).toBe(0);
  expect(service.errors).toBe('');
  const faults = service.lines.flatMap((line) => {
    const fault = verdicts.ofLine(line);
    return fault === null ? [] : [`${fault}: ${line.slice(0, 500)}`];
  });
  expect(faults).toEqual([]);
});
