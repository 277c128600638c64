import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuidOf } from '../../src/graphql/ids.ts';
import { createLogger } from '../../src/logger.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { type Placed, Story } from '../support/story.ts';
import { until } from '../support/wait.ts';

// Every command of the section on logs as it stands, over the log of a story.
const text = await readFile(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
const sectionOf = (title: string): string => text.split(/^## /m).find((one) => one.startsWith(`${title}\n`))!;
const section = sectionOf('Logs');
const commands = Array.from(section.matchAll(/^(?:grep|jq) .+$/gm), ([command]) => command);

const hasJq = await promisify(execFile)('jq', ['--version']).then(
  () => true,
  () => false,
);
const noJq = 'jq is not on PATH';

const source = join(import.meta.dirname, '../../src');
const files = (await readdir(source, { recursive: true })).filter((file) => file.endsWith('.ts'));
const code = (await Promise.all(files.map((file) => readFile(join(source, file), 'utf8')))).join('\n');

type Line = Record<string, string>;
let services: TestServices;
let folder: string;
const written: string[] = [];
let good: Placed;
let bad: Placed;
let ticketNo: string;
let operationId: string;
const lines = (): Line[] =>
  written
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

beforeAll(async () => {
  services = await openTestServices({ readyMilliseconds: 20 });
  const stream = new Writable({ write: (chunk, _, done) => (written.push(String(chunk)), done()) });
  const story = await Story.open(services, await services.start({}, createLogger('info', [], stream)));
  good = await story.place();
  bad = await story.place({ image: 'web:unready', isUp: false });
  ticketNo = await story.authorized(good.applicationName);
  await story.authorized(bad.applicationName);
  operationId = uuidOf(await story.completed(good.applicationName));
  const doomed = await story.redeployed(bad.applicationName);
  await services.cluster.api.apps.deleteNamespacedDeployment({ namespace: bad.namespace, name: bad.deploymentName });
  await until('it has failed', async () => (await story.operation(doomed))['success'] === false);
  await story.refusal('bob', 'mutation { approve(input: { ticketNo: "a1b2c3d4" }) { ticketNo } }');
  folder = await mkdtemp(join(tmpdir(), 'test-logs-'));
  await writeFile(join(folder, 'cratos.log'), written.join(''));
});
afterAll(async () => {
  await services.close();
  await rm(folder, { recursive: true });
});

/** What the command prints; the section's ticket and operation are the story's. */
async function run(command: string): Promise<string[]> {
  const meant = command.replace('k3v9x2m1', ticketNo).replace(/0199a1b2-[0-9a-f-]+/, operationId);
  const { stdout } = await promisify(execFile)('sh', ['-c', meant], { cwd: folder });
  return stdout.trim().split('\n');
}
const grepped = async (place: number): Promise<Line[]> =>
  (await run(commands.filter((command) => command.startsWith('grep'))[place]!)).map((line) => JSON.parse(line) as Line);
const eventsOf = (found: readonly Line[], application = good.applicationName) =>
  found.filter((line) => line['application'] === application).map((line) => line['event']);

describe("what the guide's commands looked for is found", () => {
  test('tickets', async () => {
    const found = await grepped(0);
    const ofTicket = found.filter((line) => line['ticketNo'] === ticketNo).map((line) => line['event']);
    expect(ofTicket).toEqual(['TICKET_CREATE', 'ENTRY_CREATE', 'TICKET_APPROVE', 'ENTRY_PROCESS', 'ENTRY_SUCCESS']);
    expect(found[0]).toMatchObject({ user: 'alice', msg: expect.stringContaining('it answers 500') });
  });

  test('tokens', async () => {
    expect(eventsOf(await grepped(1))).toEqual(['TOKEN_CREATE']);
  });

  test('redeploys', async () => {
    const found = await grepped(2);
    const [started, updated, ...others] = eventsOf(found);
    expect([started, updated, others.at(-1)]).toEqual(['REDEPLOY_START', 'DEPLOYMENT_UPDATE', 'REDEPLOY_SUCCESS']);
    expect(eventsOf(found, bad.applicationName).at(-1)).toBe('REDEPLOY_FAILED');
    const about = {
      ticketNo,
      operationId,
      user: 'alice',
      application: good.applicationName,
      namespace: good.namespace,
    };
    for (const line of found.filter((one) => one['application'] === good.applicationName))
      expect(line).toMatchObject(about);
  });

  test('what Kubernetes said of the rollout', async () => {
    const found = (await grepped(3)).filter((line) => line['operationId'] === operationId);
    expect(found.at(-1)!['msg']).toBe(`deployment "${good.deploymentName}" successfully rolled out`);
  });

  test('what failed, and nothing else', async () => {
    const found = await grepped(4);
    expect(found.map((line) => [line['event'], line['application']])).toEqual([
      ['REDEPLOY_FAILED', bad.applicationName],
    ]);
    expect(found[0]!['msg']).toContain('object has been deleted');
  });
});

describe('with jq', () => {
  const told = async (place: number): Promise<string[][]> => {
    const found = await run(commands.filter((command) => command.startsWith('jq'))[place]!);
    return found.map((line) => line.split('\t').slice(1));
  };

  test("a ticket's story is told", async ({ skip }) => {
    skip(!hasJq, noJq);
    const story = await told(0);
    expect(story[0]).toEqual(['TICKET_CREATE', 'alice', expect.stringContaining('it answers 500')]);
    expect(story.at(-1)).toEqual(['REDEPLOY_SUCCESS', 'alice', expect.stringContaining('completed in')]);
  });

  test("an operation's is", async ({ skip }) => {
    skip(!hasJq, noJq);
    const story = (await told(1)).map(([event]) => event);
    expect([story[0], story[1], story.at(-1)]).toEqual(['TOKEN_USE', 'REDEPLOY_START', 'REDEPLOY_SUCCESS']);
  });

  test('it is told who was refused what', async ({ skip }) => {
    skip(!hasJq, noJq);
    expect(await told(2)).toEqual([['bob', 'approve refused, FORBIDDEN: only an APPROVER decides tickets']]);
  });
});

test('every fact of the record is one line, and a line that tells of none has no event', async () => {
  const records = await services.sql<{ kind: string; ticketNo: string | null }>(
    'select kind, ticket_no as "ticketNo" from audit_record order by id',
  );
  const told = lines().filter((line) => line['event'] !== undefined);
  const counted = (several: readonly (string | undefined)[]) => several.map(String).sort();
  expect(counted(told.map((line) => `${line['event']} ${line['ticketNo']}`))).toEqual(
    counted(records.map((record) => `${record.kind} ${record.ticketNo ?? undefined}`)),
  );
});

describe('what the page names is there', () => {
  /** Metrics of a process stand in the code without their prefix. */
  const isThere = (name: string): boolean =>
    code.includes(name) || (name.startsWith('cratos_redeploy_') && code.includes(name.replace('cratos_redeploy_', '')));
  const namesOf = (cell: string): string[] => Array.from(cell.matchAll(/`([^`]+)`/g), ([, name]) => name!);
  const rowsOf = (title: string): string[][] =>
    sectionOf(title)
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .map((line) => line.split('|').map((cell) => cell.trim()));

  const troubles = rowsOf('When something is wrong').slice(2);
  test.for(troubles.map((row) => [row[1]!, row] as const))('%s', ([, [, , code_, told, cause, advice]]) => {
    const named = [code_, told].flatMap((cell) => namesOf(cell!));
    expect(named.length).toBeGreaterThan(0);
    expect([...named, ...namesOf(cause!)].filter((name) => !isThere(name))).toEqual([]);
    const settings = namesOf(advice!).filter((name) => /^[A-Z_]{4,}$/.test(name));
    expect(settings.filter((name) => !isThere(name))).toEqual([]);
  });

  test("every row of the guide's table has one", () => {
    expect(troubles.map((row) => row[1]).slice(0, 8)).toEqual([
      'Token cannot be had',
      'Token has expired',
      'Permission is missing',
      'Application is not there',
      'Deployment is not there',
      'Redeploy fails at once',
      'Rollout is stuck',
      'Pods do not come up',
    ]);
  });

  test('the other sections name settings, kinds and log lines that there are', () => {
    for (const title of [
      'Health',
      'Stopping',
      'Backup and restore',
      'Keys and passwords',
      'Upgrade',
      'What it takes',
    ]) {
      const named = namesOf(sectionOf(title).replace(/^```[^]*?^```$/gm, ''));
      const ours = named.filter((name) => /^[A-Z]+(_[A-Z]+)+$/.test(name) || / (is|that|before) /.test(name));
      expect(ours.filter((name) => !isThere(name))).toEqual([]);
    }
  });

  test('the answer of /readyz stands there as it is given', async () => {
    const [, shown] = /^```\n(\[\+\]postgresql[^]*?)^```$/m.exec(sectionOf('Health'))!;
    const service = await services.start({ REDIS_URL: 'redis://127.0.0.1:1' });
    const answer = await fetch(new URL('/readyz?verbose', service.url));
    expect(await answer.text()).toBe(shown);
    await service.stop();
  });
});
