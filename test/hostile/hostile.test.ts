import { afterAll, beforeAll, expect, test } from 'vitest';
import { Chance, seed } from '../support/chance.ts';
import { ask } from '../support/service.ts';
import type { Name } from '../support/story.ts';
import { WireClient } from '../support/wire-client.ts';
import { Attack } from './attack.ts';
import { HostileRequests } from './hostile-requests.ts';
import { wrongAuthorizations } from './hostile-sign-ins.ts';
import { HostileWorld, subscriptionsPerUser } from './hostile-world.ts';
import { rawRequest } from './raw-requests.ts';
import { SocketScripts } from './socket-scripts.ts';
import { Verdicts } from './verdicts.ts';

const count = Number(process.env['TEST_REQUESTS'] ?? 3_000);
/** The rest are messages over WebSockets. */
const httpCount = Math.floor(count * 0.7);
const bytesCount = Math.floor(count * 0.03);
const chance = new Chance(seed);
const oddNames = ['nora:{*}%\u00e9', "x' or 1=1 --", '__proto__', 'alice:APPLICATION_NAME:web'];

let world: HostileWorld;
let tokens: string[];
let verdicts: Verdicts;
let attack: Attack;

beforeAll(async () => {
  world = await HostileWorld.open();
  const { services, story } = world;
  const odd = oddNames.map((name) => services.signIn(name, 'APPLICATION_DEPLOYER', 'APPROVER'));
  tokens = [...Object.values(story.tokens), ...(await Promise.all([...odd, services.signIn('without-roles')]))];
  verdicts = new Verdicts([...tokens.map(signatureOf), new URL(services.database.serviceUrl).password]);
  attack = new Attack(world, verdicts);
});
afterAll(async () => {
  process.stdout.write(`\nseed ${seed}: ${String(attack.tally)}\n`);
  await world.close();
});

/** Who gets farthest with it. */
function whoMay(field: string): Name {
  if (/^(approve|reject|reviewBreakGlass)$/.test(field)) return 'carol';
  return /^(register|unregister|revoke|audit)/.test(field) ? 'grace' : 'alice';
}

const signatureOf = (token: string): string => token.split('.')[2]!;

test(
  'whatever is sent, nothing fails, nothing is told that is not for clients, and nothing changes',
  async () => {
    const wrong = Object.values(await wrongAuthorizations(world.services.issuer));
    const right = tokens.map((token) => `Bearer ${token}`);
    const ableTo = (field: string) => `Bearer ${world.story.tokens[whoMay(field)]}`;
    const requests = new HostileRequests(chance, world.place, { right, wrong, ableTo });
    const before = await world.content();
    await attack.overHttp(requests, httpCount);
    await attack.withBytes(() => rawRequest(chance), bytesCount);
    await attack.overWebSockets(new SocketScripts(chance, requests), count - httpCount - bytesCount);
    expect(attack.tally.faults).toEqual([]);
    expect(await world.content()).toEqual(before);
    expect(world.changes).toEqual([]);
  },
  count * 30,
);

test('then the service serves on, with everything closed that was opened', async () => {
  const { service, story } = world;
  expect(service.isRunning).toBe(true);
  expect((await fetch(new URL('/livez', service.url))).status).toBe(200);
  const viewer = await ask(service, story.tokens.alice, '{ viewer { username } }');
  expect(viewer.data).toEqual({ viewer: { username: 'alice' } });
  for (const token of tokens) {
    const client = await WireClient.open(service.subscriptionsUrl);
    await client.signIn(token);
    for (let id = 1; id <= subscriptionsPerUser; id += 1) {
      const payload = { query: 'subscription { ticketChanged { ticketNo } }' };
      client.send({ id: String(id), type: 'subscribe', payload });
    }
    client.send({ type: 'ping' });
    await client.until(({ type }) => type === 'pong');
    expect(client.received.filter(({ type }) => type === 'error')).toEqual([]);
    client.close();
    await client.closed;
  }
});

test('then it stops in order, and has logged whole and harmless lines alone', async () => {
  const { service } = world;
  expect(await service.stop()).toBe(0);
  expect(service.errors).toBe('');
  const faults = service.lines.flatMap((line) => {
    const fault = verdicts.ofLine(line);
    return fault === null ? [] : [`${fault}: ${line.slice(0, 500)}`];
  });
  expect(faults).toEqual([]);
});
