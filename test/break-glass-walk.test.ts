import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isSigned, TestReceiver } from './support/receiver.ts';
import { ask, openTestServices, type TestServices } from './support/service.ts';
import { Story } from './support/story.ts';
import { until } from './support/wait.ts';

const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';
const policy = `policies:
  - { name: patient, match: { team: backend }, breakGlass: { afterMinutes: 30 } }
  - { name: at once, match: { team: payments }, breakGlass: { afterMinutes: 0 } }
`;

let folder: string;
let services: TestServices;
let receiver: TestReceiver;
let story: Story;
/** Alice, who may break the glass, and who decides others' tickets as well. */
let alice: string;
const walk: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'policies-'));
  const POLICY_FILE = join(folder, 'policy.yaml');
  await writeFile(POLICY_FILE, policy);
  receiver = await TestReceiver.open();
  services = await openTestServices({ readyMilliseconds: 20 });
  const env = { POLICY_FILE, WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: secret };
  story = await Story.open(services, await services.start(env));
  alice = await services.signIn('alice', 'APPLICATION_DEPLOYER', 'BREAK_GLASS', 'APPROVER');
});
afterAll(async () => {
  process.stdout.write(`\n${walk.join('\n')}\n`);
  await services.close();
  await receiver.close();
  await rm(folder, { recursive: true });
});

const breakGlass = `mutation ($input: BreakGlassInput!) { breakGlass(input: $input) {
  status breakGlass { by reason review { reviewer } } entries { token { valid breakGlass } } } }`;
const review = `mutation ($input: ReviewBreakGlassInput!) { reviewBreakGlass(input: $input) {
  breakGlass { by review { reviewer comment } } } }`;
const openReviews = `{ tickets(filter: { openReview: true }) { edges { node { ticketNo } } } }`;
const reason = 'payments fail and nobody on the rota answers';
const comment = 'right to do; the rota is mended';

/** Alice's answer, as data or as the code of her refusal. */
async function asAlice(query: string, input: object): Promise<unknown> {
  const { data, errors } = await ask(story.service, alice, query, { input });
  return errors.length === 0 ? data : errors.map(({ extensions }) => extensions['code']);
}

async function reviewsOpen(): Promise<string[]> {
  type Read = { tickets: { edges: { node: { ticketNo: string } }[] } };
  const { tickets } = await story.get<Read>('frank', openReviews);
  return tickets.edges.map(({ node }) => node.ticketNo);
}

test('breaking the glass is told from the ticket to its review, and stays on the list until somebody else has reviewed it', async () => {
  const patient = await story.place({ replicas: 0, tags: { team: 'backend' } });
  const waiting = await story.requested(patient.applicationName);
  expect(await asAlice(breakGlass, { ticketNo: waiting, reason })).toEqual(['CONFLICT']);
  expect(await reviewsOpen()).toEqual([]);
  walk.push(`alice breaks the glass of ${waiting}, which waits 30 minutes for approvers: CONFLICT`);

  const { applicationName } = await story.place({ tags: { team: 'payments' } });
  const ticketNo = await story.requested(applicationName);
  expect(await asAlice(breakGlass, { ticketNo, reason })).toEqual({
    breakGlass: {
      status: 'AUTHORIZED',
      breakGlass: { by: 'alice', reason, review: null },
      entries: [{ token: { valid: true, breakGlass: true } }],
    },
  });
  walk.push(`alice breaks the glass of ${ticketNo}, whose policy lets her at once: AUTHORIZED`);

  await story.completed(applicationName);
  walk.push(`alice redeploys ${applicationName}: COMPLETED`);

  expect(await reviewsOpen()).toEqual([ticketNo]);
  expect(await asAlice(review, { ticketNo, comment })).toEqual(['FORBIDDEN']);
  expect(await reviewsOpen()).toEqual([ticketNo]);
  walk.push(`open reviews: ${ticketNo}; alice reviews her own: FORBIDDEN`);

  expect(await story.get('carol', review, { input: { ticketNo, comment } })).toEqual({
    reviewBreakGlass: { breakGlass: { by: 'alice', review: { reviewer: 'carol', comment } } },
  });
  expect(await reviewsOpen()).toEqual([]);
  walk.push(`carol reviews it: "${comment}"; open reviews: none`);

  await until('all of it is told', () => receiver.of({ ticketNo }).length === 5);
  const told = receiver.of({ ticketNo });
  walk.push(`the webhook's receiver was told of ${ticketNo}:`);
  for (const { type, sequence, data } of told) {
    walk.push(`  ${sequence} ${type} by ${String(data['username'])}: ${String(data['message'])}`);
  }
  const inShort = told.map(({ type, data: { username, breakGlass } }) => [
    type.split('.').slice(-2).join('.'),
    username,
    breakGlass,
  ]);
  expect(inShort).toEqual([
    ['ticket.created', 'alice', false],
    ['ticket.break_glass', 'alice', true],
    ['operation.started', 'alice', true],
    ['operation.completed', 'alice', true],
    ['ticket.reviewed', 'carol', true],
  ]);
  expect(told.map(({ sequence }) => sequence)).toEqual(told.map(({ sequence }) => sequence).toSorted());
  expect(told[1]!.data).toMatchObject({ message: expect.stringContaining(reason) as string });
  expect(told[4]!.data).toMatchObject({ message: expect.stringContaining(comment) as string, details: { comment } });
  expect(receiver.of({ ticketNo: waiting }).map(({ type }) => type.split('.').at(-1))).toEqual(['created']);
  for (const delivery of receiver.deliveries) expect(await isSigned(delivery, secret)).toBe(true);
});
