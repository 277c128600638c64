import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, openTestServices, type TestServices } from '../support/service.ts';
import { approve, type Placed, Story } from '../support/story.ts';

let folder: string;
let services: TestServices;
let story: Story;
let placed: Placed;
/** Alice's sign-in, with the role BREAK_GLASS. */
let breaker: string;
/** Approvers of the group sre, and of none of the policy's. */
let sre: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'policies-'));
  const POLICY_FILE = join(folder, 'policy.yaml');
  await writeFile(
    POLICY_FILE,
    `policies:
  - name: payments
    match: { team: payments }
    approvals: [{ count: 2 }, { count: 1, groups: [sre] }]
    breakGlass: { afterMinutes: 5 }
    tokenUses: 3
`,
  );
  services = await openTestServices();
  story = await Story.open(services, await services.start({ POLICY_FILE }));
  placed = await story.place({ tags: { team: 'payments' }, replicas: 0 });
  const signIn = { subject: 'subject-of-alice', username: 'alice', roles: ['APPLICATION_DEPLOYER', 'BREAK_GLASS'] };
  breaker = await services.issuer.sign(signIn);
  sre = await services.issuer.sign({ subject: 'erin', username: 'erin', roles: ['APPROVER'], groups: ['sre', 'all'] });
});
afterAll(async () => {
  await services.close();
  await rm(folder, { recursive: true });
});

const as = async (token: string, query: string, variables: object) => {
  const { data, errors } = await ask(story.service, token, query, variables);
  expect(errors).toEqual([]);
  return data!;
};
const policy = `policy { names required { count groups missing } breakGlassFrom text hash }`;
const standing = `query ($ticketNo: String!) { ticket(ticketNo: $ticketNo) {
  approvalsRequired createdAt ${policy} approvals { approver groups } breakGlass { by } completionAskedAt } }`;
const awaiting = `{ tickets(filter: { awaitingMyDecision: true }) { edges { node { ticketNo } } } }`;
const open = `{ tickets(filter: { openReview: true }) { edges { node { ticketNo breakGlass { by reason review { reviewer } } } } } }`;
const breakGlass = `mutation ($input: BreakGlassInput!) { breakGlass(input: $input) {
  status approvedAt breakGlass { by reason at review { comment } } entries { token { valid usesLeft breakGlass desc } } } }`;
const review = `mutation ($input: ReviewBreakGlassInput!) { reviewBreakGlass(input: $input) {
  breakGlass { by review { reviewer comment at } } } }`;
const reason = 'nobody of the on-call rota answers';

type Edges = { tickets: { edges: { node: { ticketNo: string } }[] } };
const numbers = ({ tickets }: Edges) => tickets.edges.map(({ node }) => node.ticketNo);

test('a ticket shows whose approval it takes and whom it still waits for; who is not missing is told so', async () => {
  const ticketNo = await story.requested(placed.applicationName);
  type Read = { ticket: Record<string, unknown> & { createdAt: string; policy: Record<string, unknown> } };
  const { ticket } = await story.get<Read>('alice', standing, { ticketNo });
  const stated = { name: 'payments', match: { team: 'payments' }, tokenUses: 3, breakGlass: { afterMinutes: 5 } };
  expect(ticket).toMatchObject({
    approvalsRequired: 2,
    breakGlass: null,
    completionAskedAt: null,
    policy: {
      names: ['payments'],
      required: [
        { count: 2, groups: [], missing: 2 },
        { count: 1, groups: ['sre'], missing: 1 },
      ],
      breakGlassFrom: new Date(Date.parse(ticket.createdAt) + 300_000).toISOString(),
      text: { policies: [stated] },
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  });
  await story.get('carol', approve, { input: { ticketNo } });
  await story.get('dave', approve, { input: { ticketNo } });
  const { ticket: later } = await story.get<Read>('alice', standing, { ticketNo });
  expect(later.policy['required']).toMatchObject([{ missing: 0 }, { missing: 1 }]);
  expect(numbers((await as(sre, awaiting, {})) as Edges)).toContain(ticketNo);
  expect(numbers(await story.get<Edges>('carol', awaiting))).not.toContain(ticketNo);
  await as(sre, approve, { input: { ticketNo } });
  const { ticket: approved } = await story.get<Read>('alice', standing, { ticketNo });
  expect(approved).toMatchObject({
    policy: { required: [{ missing: 0 }, { missing: 0 }] },
    approvals: [{ groups: [] }, { groups: [] }, { approver: 'erin', groups: ['sre'] }],
  });
});

test('a broken glass is shown wherever the ticket is, until and after somebody has reviewed it', async () => {
  const ticketNo = await story.requested(placed.applicationName);
  const input = { ticketNo, reason };
  expect(await story.refusal('alice', breakGlass, { input })).toMatchObject({ code: 'FORBIDDEN' });
  const early = await ask(story.service, breaker, breakGlass, { input });
  expect(early.errors).toMatchObject([{ extensions: { code: 'CONFLICT' } }]);
  await services.sql(`update ticket set created_at = created_at - interval '5 minutes' where ticket_no = ?`, [
    ticketNo,
  ]);

  const { breakGlass: ticket } = await as(breaker, breakGlass, { input });
  expect(ticket).toMatchObject({
    status: 'AUTHORIZED',
    breakGlass: { by: 'alice', reason, review: null },
    entries: [
      { token: { valid: true, usesLeft: 3, breakGlass: true, desc: expect.stringContaining('breaking the glass') } },
    ],
  });
  await story.completed(placed.applicationName);
  const tokens = '{ tokens(filter: { valid: true }) { edges { node { ticketNo usesLeft breakGlass } } } }';
  expect(JSON.stringify(await story.get('frank', tokens))).toContain(
    JSON.stringify({ ticketNo, usesLeft: 2, breakGlass: true }),
  );
  const mine = `{ operations(first: 1) { edges { node { ticket { ticketNo breakGlass { by } } } } } }`;
  expect(await story.get('alice', mine)).toEqual({
    operations: { edges: [{ node: { ticket: { ticketNo, breakGlass: { by: 'alice' } } } }] },
  });

  for (const name of ['alice', 'carol', 'frank'] as const) {
    expect(numbers(await story.get<Edges>(name, open))).toEqual([ticketNo]);
  }
  const told = `query ($ticketNo: String!) { ticket(ticketNo: $ticketNo) { markdown timeline auditTrail(first: 100) {
    edges { node { ... on TicketGlassBroken { username reason missing } ... on TicketReviewed { username comment } } } } } }`;
  type Told = { ticket: { markdown: string; timeline: string[]; auditTrail: { edges: { node: object }[] } } };
  const { ticket: before } = await story.get<Told>('frank', told, { ticketNo });
  expect(before.markdown).toContain(`**Break-glass**: alice took the tokens without approval at`);
  expect(before.markdown).toMatch(/: nobody of the on-call rota answers\n\nThe review is open\.$/);
  expect(before.timeline.join('\n')).toContain(
    `alice: broke the glass, approval missing of 2 approvers, 1 of sre: ${reason}`,
  );

  const comment = 'it was right, and the rota is mended';
  expect(await story.refusal('grace', review, { input: { ticketNo, comment } })).toMatchObject({ code: 'FORBIDDEN' });
  const reviewed = { reviewer: 'carol', comment };
  expect(await story.get('carol', review, { input: { ticketNo, comment } })).toMatchObject({
    reviewBreakGlass: { breakGlass: { by: 'alice', review: reviewed } },
  });
  expect(numbers(await story.get<Edges>('frank', open))).toEqual([]);
  const { ticket: after } = await story.get<Told>('frank', told, { ticketNo });
  expect(after.markdown).toMatch(/\n\nReviewed by carol at .*: it was right, and the rota is mended$/);
  expect(after.timeline.at(-1)).toContain(`carol: reviewed the broken glass: ${comment}`);
  const said = after.auditTrail.edges.map(({ node }) => node).filter((node) => Object.keys(node).length > 0);
  expect(said).toEqual([
    { username: 'alice', reason, missing: ['2 approvers', '1 of sre'] },
    { username: 'carol', comment },
  ]);
});
