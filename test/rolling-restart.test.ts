import { once } from 'node:events';
import { Agent, type IncomingMessage, request as requestOver } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { uuidOf } from '../src/graphql/ids.ts';
import { Balancer } from './support/balancer.ts';
import { openEventStream } from './support/event-stream.ts';
import { upTo } from './support/live.ts';
import { MainProcess } from './support/main-process.ts';
import { openTestServices, type TestServices } from './support/service.ts';
import { approve, createTicket, type Placed, redeploy, Story } from './support/story.ts';
import { until } from './support/wait.ts';

const restarts = Number(process.env['TEST_RESTARTS'] ?? 2);
const applicationCount = 3;

let services: TestServices;
let balancer: Balancer;
let story: Story;
let replicas: MainProcess[] = [];

const start = async (): Promise<MainProcess> => {
  const replica = await MainProcess.start({
    DATABASE_URL: services.database.serviceUrl,
    REDIS_URL: services.redisUrl,
    KUBECONFIG: services.cluster.settings.kubeconfig,
    OIDC_ISSUER: services.issuer.url,
    REDEPLOYS_PER_MINUTE: '1000',
    REDEPLOYS_PER_HOUR: '1000',
    REDEPLOYS_PER_USER_PER_MINUTE: '1000',
    REDEPLOYS_PER_USER_PER_HOUR: '1000',
    SHUTDOWN_SECONDS: '15',
    SHUTDOWN_DELAY_SECONDS: '1',
  });
  balancer.add(replica);
  await until('the balancer knows that it is ready', () => balancer.isReady(replica));
  return replica;
};

beforeAll(async () => {
  services = await openTestServices({ readyMilliseconds: 200 });
  balancer = await Balancer.open();
  replicas = await Promise.all([start(), start()]);
  story = await Story.open(services, balancer);
}, 120_000);
afterAll(async () => {
  await Promise.all(replicas.filter(({ isRunning }) => isRunning).map((replica) => replica.stop()));
  await balancer.close();
  await services.close();
});

type Answer<Data> = { data?: Data | null; errors?: readonly unknown[] };
type Mutate = <Data>(name: 'alice' | 'carol', query: string, input: object) => Promise<Data>;
const told = { mutations: 0, failures: [] as string[] };

/** Whoever fails once is not asked again. */
async function counted<Data>(answer: Promise<Answer<Data>>): Promise<Data> {
  told.mutations += 1;
  const { data, errors } = await answer.catch((error: unknown): Answer<Data> => ({ errors: [String(error)] }));
  if (data && !errors) return data;
  told.failures.push(JSON.stringify(errors));
  throw new Error(`a mutation failed: ${JSON.stringify(errors)}`);
}

/** Each over a connection of its own; or over one that is kept while it is used more often than the delay is long. */
const overHttp = (agent: Agent | false): Mutate => {
  const ask = async <Data>(name: 'alice' | 'carol', query: string, input: object): Promise<Answer<Data>> => {
    const headers = { authorization: `Bearer ${story.tokens[name]}`, 'content-type': 'application/json' };
    const asked = requestOver(balancer.url, { method: 'POST', agent, headers });
    asked.end(JSON.stringify({ query, variables: { input } }));
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return JSON.parse(await textOf(response)) as Answer<Data>;
  };
  return (...request) => counted(ask(...request));
};

/** With the client's own rules for broken connections: what it has sent and got no answer to it sends again. */
const clientOf = (name: 'alice' | 'carol') =>
  createClient({
    url: balancer.subscriptionsUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${story.tokens[name]}` },
    lazy: false,
  });

type Event = { sequence: number; status: string };
const query = /* GraphQL */ `
  subscription ($operationId: ID!, $after: Int) {
    rolloutStatus(operationId: $operationId, after: $after) {
      sequence
      status
    }
  }
`;

/** Every event as it came, over graphql-ws with the client's own rules, and how often it had to connect anew. */
async function followOverWebSocket(operationId: string): Promise<{ events: Event[]; reconnects: number }> {
  const client = clientOf('alice');
  const [events, variables, done] = [[] as Event[], { operationId, after: 0 }, Promise.withResolvers<void>()];
  let connections = 0;
  client.on('connected', () => void (connections += 1));
  client.subscribe<{ rolloutStatus: Event }>(
    { query, variables },
    {
      next: ({ data }) => {
        variables.after = data!.rolloutStatus.sequence; // what it would ask for anew
        events.push(data!.rolloutStatus);
      },
      error: done.reject,
      complete: done.resolve,
    },
  );
  await done.promise;
  await client.dispose();
  return { events, reconnects: connections - 1 };
}

async function followOverEvents(operationId: string): Promise<{ events: Event[]; reconnects: number }> {
  const events: Event[] = [];
  for (let reconnects = 0; ; reconnects += 1) {
    const variables = { operationId, after: events.at(-1)?.sequence ?? 0 };
    let isRefused = false;
    const { ended } = openEventStream(balancer.url, story.tokens.alice, { query, variables }, 'POST', ({ data }) => {
      if (data) events.push(data['rolloutStatus'] as Event);
      else isRefused = true;
    });
    if ((await ended) === 'complete' && !isRefused) return { events, reconnects };
  }
}

const follow = (operationId: string) => [followOverWebSocket(operationId), followOverEvents(operationId)] as const;
const completeTicket = 'mutation ($input: CompleteTicketInput!) { completeTicket(input: $input) { ticketNo } }';

/** One ticket, its redeploy and its end. */
async function redeployOnce(mutate: Mutate, { applicationName }: Placed, reason: string) {
  const entries = [{ detail: { applicationName } }];
  const wanted = { workOrderKey: 'APPLICATION_REDEPLOY', category: 'BUG_FIX', reason, entries };
  const { ticketNo } = (await mutate<{ createTicket: { ticketNo: string } }>('alice', createTicket, wanted))
    .createTicket;
  await mutate('carol', approve, { ticketNo, comment: 'seen' });
  const { id } = (await mutate<{ redeploy: { id: string } }>('alice', redeploy, { applicationName })).redeploy;
  const followed = await Promise.all(follow(id));
  await mutate('alice', completeTicket, { ticketNo, summary: 'it answers again' });
  return { id, followed };
}

test(
  'a rolling restart of two replicas under load loses no event and fails no mutation',
  { timeout: 60_000 + restarts * 60_000 },
  async () => {
    const kept = new Agent({ keepAlive: true, maxSockets: 1, timeout: 700 });
    const clients = { alice: clientOf('alice'), carol: clientOf('carol') };
    const overWebSocket: Mutate = async <Data>(name: 'alice' | 'carol', mutation: string, input: object) => {
      const { value } = await clients[name].iterate<Data>({ query: mutation, variables: { input } }).next();
      return counted(Promise.resolve(value as Answer<Data>));
    };
    const slow = await story.place({ image: 'web:unready', isUp: false });
    const places = await Promise.all(upTo(applicationCount).map(() => story.place()));
    const ways = [overHttp(false), overHttp(kept), overWebSocket];
    await story.authorized(slow.applicationName);
    const slowId = await story.redeployed(slow.applicationName);
    const slowly = Promise.all(follow(slowId));

    const over = new AbortController();
    const reasons: string[] = [];
    const work = async (place: Placed, index: number) => {
      const done: Awaited<ReturnType<typeof redeployOnce>>[] = [];
      while (!over.signal.aborted) {
        const reason = `round ${done.length} of ${place.applicationName}`;
        reasons.push(reason);
        done.push(await redeployOnce(ways[index % ways.length]!, place, reason));
      }
      return done;
    };
    const working = Promise.all(places.map(work));
    working.catch(() => undefined);

    for (const index of upTo(restarts).map((count) => count % 2)) {
      expect(await replicas[index]!.stop()).toBe(0);
      replicas[index] = await start();
    }
    over.abort();
    const all = (await working).flat();
    await services.cluster.api.apps.deleteNamespacedDeployment({
      namespace: slow.namespace,
      name: slow.deploymentName,
    });
    all.push({ id: slowId, followed: await slowly });
    kept.destroy();
    for (const client of Object.values(clients)) await client.dispose();

    const figures = { events: 0, deliveries: 0, gaps: 0, duplicates: 0, reconnects: 0 };
    const recorded = await services.sql<{ id: string; last: number; success: boolean }>(
      'select id, sequence as last, success from operation order by operation_start_time',
    );
    expect(recorded).toHaveLength(all.length);
    const ends = Map.groupBy(recorded, ({ success }) => success);
    expect(ends.get(true)).toHaveLength(all.length - 1);
    figures.events = recorded.reduce((sum, { last }) => sum + last, 0);
    for (const { id, followed } of all) {
      const last = recorded.find((one) => one.id === uuidOf(id))!.last;
      for (const { events, reconnects } of followed) {
        const numbers = events.map(({ sequence }) => sequence);
        figures.deliveries += numbers.length;
        figures.duplicates += numbers.length - new Set(numbers).size;
        figures.gaps += upTo(last).filter((number) => !numbers.includes(number)).length;
        figures.reconnects += reconnects;
        expect(numbers).toEqual(upTo(last));
      }
    }
    const [{ takeOvers } = { takeOvers: 0 }] = await services.sql<{ takeOvers: number }>(
      `select count(*)::int as "takeOvers" from audit_record where kind = 'OPERATION_TAKE_OVER'`,
    );
    const counts = { restarts, ...figures, takeOvers, mutations: told.mutations, failed: told.failures.length };
    process.stdout.write(`rolling restart: ${JSON.stringify(counts)}\n`);
    expect(told.failures).toEqual([]);
    expect(figures).toMatchObject({ gaps: 0, duplicates: 0, deliveries: 2 * figures.events });
    // What a client sends again because it got no answer would stand here twice.
    const tickets = await services.sql<{ reason: string }>(`select reason from ticket where reason like 'round %'`);
    expect(tickets.map(({ reason }) => reason).toSorted()).toEqual(reasons.toSorted());
    expect(takeOvers).toBeGreaterThan(0);
  },
);
