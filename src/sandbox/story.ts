import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  ApproveDocument,
  AuditTrailDocument,
  CreateTicketDocument,
  type CreateTicketInput,
  OperationDocument,
  RedeployDocument,
  RejectDocument,
  type RolloutStatusSubscription,
  TokenDocument,
} from '../documents/generated/graphql.ts';
import { createLogger } from '../logger.ts';
import { type Session, startSandbox } from './sandbox.ts';
import { Refused, StoryClient } from './story-client.ts';

/*
 * `npm run story`: plays a ticket's life in the terminal, as clients would. Against the sandbox that runs here, or
 * the session file that is named, or one that it starts and ends itself.
 */

const say = (text = ''): void => void process.stdout.write(`${text}\n`);
const indent = (text: string): string => text.replace(/^/gm, '    ');

const tag = (tagKey: string, tagValue: string) => ({ tag: { tagKey, tagValue } });

type RolloutEvent = RolloutStatusSubscription['rolloutStatus'];

async function playStory(session: Session): Promise<void> {
  const person = (name: string): StoryClient => new StoryClient(session, name);
  const [alice, bob, carol, dave] = ['alice', 'bob', 'carol', 'dave'].map(person) as [
    StoryClient,
    StoryClient,
    StoryClient,
    StoryClient,
  ];

  say('1. alice asks for a redeploy of web-service; it is tagged critical:true, so two people must approve.');
  const detail = {
    id: 100,
    name: 'web-service',
    applicationName: 'web-service',
    businessTags: [tag('env', 'production'), tag('version', 'v2.1.0'), tag('critical', 'true')],
  };
  const input: CreateTicketInput = {
    workOrderKey: 'APPLICATION_REDEPLOY',
    category: 'BUG_FIX',
    reason: 'web-service answers 500 since 03:05, its connection pool is stuck',
    entries: [{ detail, expectedEffect: 'the pool is built anew', rollbackPlan: 'none needed: same image' }],
  };
  const { createTicket: created } = await alice.ask(CreateTicketDocument, { input });
  const { ticketNo } = created;
  say(indent(`ticket ${ticketNo}, ${created.status}`));

  say('2. Without a token nothing is restarted, and nobody approves their own ticket.');
  say(indent(`bob:   ${await refusalOf(bob.ask(RedeployDocument, { input: { applicationName: 'web-service' } }))}`));
  say(indent(`alice: ${await refusalOf(alice.ask(ApproveDocument, { input: { ticketNo } }))}`));

  say('3. carol and dave approve.');
  for (const [name, approver] of [
    ['carol', carol],
    ['dave', dave],
  ] as const) {
    const { approve: ticket } = await approver.ask(ApproveDocument, {
      input: { ticketNo, comment: `seen by ${name}` },
    });
    say(indent(`${name} approves: ${ticket.status}`));
  }

  say('4. The token lies in Redis for two hours.');
  const { token: held } = await alice.ask(TokenDocument, { applicationName: 'web-service' });
  say(indent(`${held.desc}, ${held.secondsRemaining} s left`));

  say('5. alice redeploys and watches.');
  const { redeploy: started } = await alice.ask(RedeployDocument, {
    input: {
      applicationName: 'web-service',
      namespace: 'production',
      strategy: 'RollingUpdate',
      reason: 'Emergency redeploy for bug fix',
    },
  });
  for await (const event of alice.watchRollout(started.id)) showProgress(event);
  if (process.stdout.isTTY) say();

  say("6. The operation's record.");
  const { operation: record } = await alice.ask(OperationDocument, { id: started.id });
  say(indent(JSON.stringify(record, null, 2)));

  say('7. What an auditor reads a year later.');
  const { ticket } = await carol.ask(AuditTrailDocument, { ticketNo });
  for (const { node } of ticket!.auditTrail.edges) {
    say(indent(`${node.at}  ${node.level.padEnd(10)}  ${(node.username ?? '-').padEnd(6)}  ${node.message}`));
  }

  say('8. bob asks for a redeploy of api-gateway; carol says no.');
  const { createTicket: second } = await bob.ask(CreateTicketDocument, {
    input: {
      ...input,
      category: 'CONFIG_CHANGE',
      reason: 'try a new time-out',
      entries: [{ detail: { applicationName: 'api-gateway' } }],
    },
  });
  const { reject: rejected } = await carol.ask(RejectDocument, {
    input: { ticketNo: second.ticketNo, comment: 'a planned change, not an emergency' },
  });
  say(indent(`ticket ${second.ticketNo}, ${rejected.status}`));
}

async function refusalOf(request: Promise<unknown>): Promise<string> {
  const refusal = await request.catch((error: unknown) => error);
  if (!(refusal instanceof Refused)) throw new Error('what must be refused was let through');
  return `${refusal.code}: ${refusal.message}`;
}

function showProgress({ sequence, status, message, replicas, newPods, terminatedPods, failures }: RolloutEvent): void {
  const { desired, updated, ready, old } = replicas;
  const bar = '#'.repeat(ready).padEnd(desired, '.');
  const pods = `${updated} updated, ${ready} ready, ${old} old; pods +${newPods.length} -${terminatedPods.length}`;
  const wrong = failures[0] ? ` | ${failures[0].reason}` : '';
  const line = `    #${sequence} ${status.padEnd(11)} [${bar}] ${pods}${wrong} | ${message}`;
  if (process.stdout.isTTY) process.stdout.write(`\r\u001b[2K${line.slice(0, process.stdout.columns - 1)}`);
  else say(line);
}

async function runningSession(file: string): Promise<Session | null> {
  try {
    const session = JSON.parse(await readFile(file, 'utf8')) as Session;
    const health = await fetch(new URL('/livez', session.url), { signal: AbortSignal.timeout(2_000) });
    return health.ok ? session : null;
  } catch {
    return null;
  }
}

async function main(named: string | undefined): Promise<void> {
  const folder = resolve('.sandbox');
  const running = await runningSession(named ?? join(folder, 'session.json'));
  if (running) return playStory(running);
  if (named) throw new Refused('UNAVAILABLE', `nothing answers at the session of ${named}`);
  say('No sandbox runs here: starting one.\n');
  const { session, stop } = await startSandbox(folder, createLogger('warn'), process.env);
  try {
    await playStory(session);
  } finally {
    await stop();
  }
}

try {
  await main(process.argv[2]);
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n`);
  process.exitCode = 1;
}
