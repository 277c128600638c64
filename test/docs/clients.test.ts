import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createRequire } from 'node:module';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CreateTicketDocument, ApproveDocument, RedeployDocument } from '../../src/documents/generated/graphql.ts';
import { errorStatus } from '../../src/domain/errors.ts';
import { anyPorts, type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { StoryClient } from '../../src/sandbox/story-client.ts';
import { hasBrowser, openBrowser } from '../support/browser.ts';
import { Relay } from '../support/relay.ts';

// Every fenced block of docs/clients.md as it stands.
const root = join(import.meta.dirname, '../..');
const text = await readFile(join(root, 'docs/clients.md'), 'utf8');
const blocks = (language: string): string[] =>
  Array.from(text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms')), ([, code]) => code!);

type Event = { sequence: number; status: string };
type Result = { data?: unknown; errors?: object[] };
type Subscribe = (request: { query: string; variables?: object }) => AsyncIterable<Result>;
type Transport = (at: { url: string; token: string }, ...request: Parameters<Subscribe>) => AsyncIterable<Result>;
type Snippets = {
  overWebSocket: Transport;
  overEvents: Transport;
  watchRollout: (subscribe: Subscribe, operationId: string, after?: number) => AsyncIterable<Event>;
};

let folder: string;
let sandbox: Sandbox;
let modules: string;
let snippets: Snippets;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'test-clients-'));
  sandbox = await startSandbox(join(folder, '.sandbox'), pino({ level: 'silent' }), {}, anyPorts);
  // Where its imports are found.
  await mkdir(join(root, 'coverage'), { recursive: true });
  modules = await mkdtemp(join(root, 'coverage/clients-'));
  await writeFile(join(modules, 'clients.mjs'), blocks('js').join('\n'));
  snippets = (await import(join(modules, 'clients.mjs'))) as Snippets;
});
afterAll(async () => {
  await sandbox.stop();
  await Promise.all([folder, modules].map((path) => rm(path, { recursive: true })));
});

const tokenOf = (name: string): string => sandbox.session.personas.find(({ username }) => username === name)!.token;

async function redeployed(applicationName: string): Promise<string> {
  const [alice, carol] = ['alice', 'carol'].map((name) => new StoryClient(sandbox.session, name));
  const { createTicket } = await alice!.ask(CreateTicketDocument, {
    input: {
      workOrderKey: 'APPLICATION_REDEPLOY',
      category: 'BUG_FIX',
      reason: 'it answers 500',
      entries: [{ detail: { applicationName } }],
    },
  });
  await carol!.ask(ApproveDocument, { input: { ticketNo: createTicket.ticketNo } });
  const { redeploy } = await alice!.ask(RedeployDocument, { input: { applicationName } });
  return redeploy.id;
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

test('the shell commands redeploy an application and show its rollout to the end', async () => {
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', blocks('sh').join('\n')], {
    cwd: folder,
  });
  expect(stdout).toContain('{"data":{"token":{"valid":false,');
  expect(stdout).toContain('{"data":{"viewer":{');
  expect(stdout).toContain('{"data":{"approve":{"status":"AUTHORIZED"}}}');
  expect(stdout).toContain('"sequence":1,');
  expect(stdout).toMatch(/"status":"COMPLETED".*\n\nevent: complete\ndata:\n\n/s);
});

describe.for(['overWebSocket', 'overEvents'] as const)('%s', (name) => {
  test('a rollout is watched to its end over a connection that breaks again and again', async () => {
    const operationId = await redeployed('api-gateway');
    const { url } = sandbox.session;
    const relay = await Relay.to(url);
    const through = url.replace(new URL(url).host, `127.0.0.1:${relay.port}`);
    const events: Event[] = [];
    const subscribe: Subscribe = (request) => snippets[name]({ url: through, token: tokenOf('alice') }, request);
    for await (const event of snippets.watchRollout(subscribe, operationId)) {
      events.push(event);
      if (events.length < 3) relay.cut();
    }
    await relay.close();
    expect(relay.accepted).toBeGreaterThan(1);
    expect(events.map(({ sequence }) => sequence)).toEqual(upTo(events.length));
    expect(events.at(-1)).toMatchObject({ status: 'COMPLETED' });
  });

  test.for([
    { who: 'bob', operationId: '01900000-0000-7000-8000-000000000000', code: 'NOT_FOUND' },
    { who: null, operationId: 'any', code: 'UNAUTHENTICATED' },
  ])('a refusal ends it: $code', async ({ who, operationId, code }) => {
    const { url } = sandbox.session;
    const token = who === null ? 'nonsense' : tokenOf(who);
    const watch = snippets.watchRollout((request) => snippets[name]({ url, token }, request), operationId);
    await expect(watch[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code });
  });

  test.skipIf(!hasBrowser)('runs in Chromium too (skipped where /usr/bin/chromium is missing)', async () => {
    const operationId = await redeployed('api-gateway');
    const { url } = sandbox.session;
    const browser = await openBrowser();
    try {
      await browser.page.goto(new URL('/livez', url).toString());
      const graphqlWs = join(dirname(createRequire(import.meta.url).resolve('graphql-ws/package.json')), 'umd');
      await browser.page.addScriptTag({ path: join(graphqlWs, 'graphql-ws.min.js') });
      const code = blocks('js').join('\n').replaceAll('export ', '');
      const got = await browser.page.evaluate<Event[]>(`(async () => {
        ${code.replace("import { createClient } from 'graphql-ws'", 'const { createClient } = graphqlWs')}
        const at = ${JSON.stringify({ url, token: tokenOf('alice') })};
        const events = [];
        for await (const event of watchRollout((request) => ${name}(at, request), '${operationId}')) events.push(event);
        return events;
      })()`);
      expect(got.map(({ sequence }) => sequence)).toEqual(upTo(got.length));
      expect(got.at(-1)).toMatchObject({ status: 'COMPLETED' });
    } finally {
      await browser.close();
    }
  });
});

test('every code stands in the table with its status', () => {
  const rows = Array.from(text.matchAll(/^\| `([A-Z_]+)` +\| (\d+) /gm), ([, code, status]) => [code, Number(status)]);
  expect(Object.fromEntries(rows)).toEqual({ ...errorStatus, INTERNAL_SERVER_ERROR: 500 });
});

test('there is no block that no test runs', () => {
  const languages = Array.from(text.matchAll(/^```(\w+)$/gm), ([, language]) => language);
  expect(languages.filter((language) => language !== 'sh' && language !== 'js')).toEqual([]);
});
