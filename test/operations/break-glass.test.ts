import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/domain/person.ts';
import { breakGlass, reviewBreakGlass } from '../../src/operations/break-glass.ts';
import { resumeApprovedTickets } from '../../src/operations/issue-tokens.ts';
import { listTickets } from '../../src/operations/lists.ts';
import { findTicket } from '../../src/operations/reads.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { completeTicket } from '../../src/operations/ticket-endings.ts';
import { approve, reject } from '../../src/operations/tickets.ts';
import { findToken } from '../../src/operations/tokens.ts';
import { chainOf, faultsInChain } from '../support/audit-chain.ts';
import {
  alice,
  carol,
  dave,
  deployApplication,
  frank,
  openTestWorld,
  person,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { contentOf, refusalOf } from '../support/outcomes.ts';
import { policyWith } from '../support/policies.ts';
import { Relay } from '../support/relay.ts';

let world: TestWorld;
let redisRelay: Relay;
let replica: Replica;
/** Its way to Redis can be cut. */
let far: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5 });
  redisRelay = await Relay.to(world.redisUrl);
  const policies = [
    policyWith({ name: 'at once', match: { env: 'staging' }, breakGlass: { afterMinutes: 0 } }),
    policyWith({ name: 'never', match: { team: 'payments' }, breakGlass: 'forbidden' }),
  ];
  [replica, far] = await Promise.all([
    world.openReplica({ policies, follows: false }),
    world.openReplica({ policies, follows: false, redisUrl: `redis://127.0.0.1:${redisRelay.port}` }),
  ]);
});
afterAll(async () => {
  await world.close();
  await redisRelay.close();
});

const breaker: Actor = { ...alice, roles: ['APPLICATION_DEPLOYER', 'BREAK_GLASS'] };
const reason = 'nobody of the on-call rota answers';
const asked = async (tags: Record<string, string> = { env: 'staging' }) =>
  ticketFor(replica.desk, await registeredApplication(replica.desk, tags));
const breaks = (ticketNo: string, actor: Actor = breaker, why = reason) =>
  breakGlass(replica.desk, actor, { ticketNo, reason: why });
const review = (ticketNo: string, actor: Actor = carol) =>
  reviewBreakGlass(replica.desk, actor, { ticketNo, comment: 'it was right' });
const isOpen = async (ticketNo: string, actor: Actor = frank) => {
  const page = { after: null, before: null, limit: 100, inverted: false };
  const open = await listTickets(replica.desk, actor, { openReview: true }, page);
  return open.some((ticket) => ticket.ticketNo === ticketNo);
};
const minutesAgo = (id: number, minutes: number) =>
  world.sql(`update ticket set created_at = clock_timestamp() - ? * interval '1 minute' where id = ?`, [minutes, id]);

describe('breaking the glass', () => {
  test('gives the token alone, flagged everywhere, until somebody else has reviewed it', async () => {
    const { name } = await deployApplication(world, replica.desk, { replicas: 0, tags: { env: 'staging' } });
    const { id, ticketNo } = await ticketFor(replica.desk, name);
    expect((await breaks(ticketNo)).status).toBe('AUTHORIZED');
    const token = await findToken(replica.desk, breaker, { applicationName: name, username: null });
    expect(token).toMatchObject({ valid: true, ticketNo, breakGlass: true, usesLeft: null });
    expect(token.desc).toContain(`(ticket ${ticketNo}, by breaking the glass)`);
    expect((await redeploy(replica.desk, breaker, { applicationName: name })).username).toBe('alice');
    expect([await isOpen(ticketNo), await isOpen(ticketNo, alice), await isOpen(ticketNo, carol)]).toEqual([
      true,
      true,
      true,
    ]);

    await completeTicket(replica.desk, alice, { ticketNo });
    expect(await isOpen(ticketNo)).toBe(true);
    const reviewed = await review(ticketNo);
    expect(reviewed).toMatchObject({ reviewedBy: 'carol', reviewComment: 'it was right' });
    expect(await isOpen(ticketNo)).toBe(false);
    const chain = await chainOf(world, id);
    expect(
      chain.map(({ kind, username }) => `${username} ${kind}`).filter((one) => /GLASS|REVIEW|APPROVE/.test(one)),
    ).toEqual(['alice TICKET_BREAK_GLASS', 'carol TICKET_REVIEW']);
    expect(chain.find(({ kind }) => kind === 'TICKET_BREAK_GLASS')).toMatchObject({
      message: `broke the glass, approval missing of 1 approver: ${reason}`,
      data: { reason, missing: ['1 approver'] },
    });
    expect(await faultsInChain(world, id)).toEqual([]);
  });

  test('waits until nobody has decided for as long as is set, by the clock of PostgreSQL', async () => {
    const { id, ticketNo } = await asked({});
    await minutesAgo(id, 14.9);
    const refusal = await refusalOf(breaks(ticketNo));
    expect(refusal).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('can be broken from ') });
    await minutesAgo(id, 15);
    expect((await breaks(ticketNo)).status).toBe('AUTHORIZED');
  });

  test('is possible after one of two approvals, which are not asked for any more', async () => {
    const { ticketNo } = await asked({ env: 'staging', critical: 'true' });
    await approve(replica.desk, carol, { ticketNo });
    expect((await breaks(ticketNo)).status).toBe('AUTHORIZED');
    expect((await refusalOf(approve(replica.desk, dave, { ticketNo }))).code).toBe('CONFLICT');
  });

  test.for<[rule: string, tags: Record<string, string>, actor: Actor, code: string]>([
    ['a policy forbids it', { env: 'staging', team: 'payments' }, breaker, 'FORBIDDEN'],
    ['it is an approver, with the role', { env: 'staging' }, person('carol', 'APPROVER', 'BREAK_GLASS'), 'FORBIDDEN'],
    ['it is not the requester, though ADMIN', { env: 'staging' }, person('grace', 'ADMIN', 'BREAK_GLASS'), 'FORBIDDEN'],
    ['it is a stranger', { env: 'staging' }, person('bob', 'APPLICATION_DEPLOYER', 'BREAK_GLASS'), 'NOT_FOUND'],
    ['it is a namesake', { env: 'staging' }, { ...breaker, subject: 'another' }, 'NOT_FOUND'],
    ['it is too early', {}, breaker, 'CONFLICT'],
  ])('is refused, and nothing changes, where %s', async ([, tags, actor, code]) => {
    const { ticketNo } = await asked(tags);
    const before = await contentOf(world);
    expect((await refusalOf(breaks(ticketNo, actor))).code).toBe(code);
    expect(await contentOf(world)).toEqual(before);
  });

  test.for<[what: string, reason: string, taken: boolean]>([
    ['a short one', 'it is urgent', false],
    ['one word again and again', 'asdf asdf asdf asdf asdf asdf asdf', false],
    ['two words again and again', 'please please please please do!', false],
    ['one long word', 'a'.repeat(40), false],
    ['no word', '. . . . . . . . . . . . . . . . . . .', false],
    ['a sentence', 'the approvers do not answer the phone', true],
    ['a sentence without spaces', '值班审批人电话无人接听，支付服务大量超时，必须马上重启', true],
    ['2,000 characters', 'nobody answers the phone '.repeat(80).trim(), true],
    ['2,001 characters', `${'nobody answers the phone '.repeat(80)}.`, false],
  ])('takes a reason of substance: %s', async ([, why, taken]) => {
    const { ticketNo } = await asked();
    const answer = await breaks(ticketNo, breaker, why).then(
      () => null,
      (error: { code: string; details: object }) => ({ code: error.code, details: error.details }),
    );
    expect(answer).toEqual(taken ? null : { code: 'INVALID_INPUT', details: { fields: ['input.reason'] } });
  });

  test('is not possible once somebody has said no, or the time to decide is over', async () => {
    const rejected = await asked();
    await reject(replica.desk, carol, rejected);
    expect((await refusalOf(breaks(rejected.ticketNo))).code).toBe('CONFLICT');
    const expired = await asked();
    await world.sql('update ticket set decide_by = clock_timestamp() where id = ?', [expired.id]);
    expect((await refusalOf(breaks(expired.ticketNo))).code).toBe('CONFLICT');
  });

  test('while Redis is away is UNAVAILABLE, and nothing has changed', async () => {
    const { ticketNo } = await asked();
    const before = await contentOf(world);
    await redisRelay.close();
    try {
      const refusal = await refusalOf(breakGlass(far.desk, breaker, { ticketNo, reason }));
      expect(refusal.code).toBe('UNAVAILABLE');
    } finally {
      await redisRelay.serve();
    }
    expect(await contentOf(world)).toEqual(before);
  });

  test('is carried out by another process where the first one dies in between', async () => {
    const { id, ticketNo } = await asked();
    await breaks(ticketNo);
    await world.sql(`update ticket set status = 'APPROVED' where id = ?`, [id]);
    await world.sql('update ticket_entry set completed = false where ticket_id = ?', [id]);
    await resumeApprovedTickets(replica.desk);
    expect(await findTicket(replica.desk, frank, ticketNo)).toMatchObject({
      status: 'AUTHORIZED',
      breakGlassReason: reason,
    });
  });
});

describe('the review', () => {
  test.for<[who: string, actor: Actor, code: string]>([
    ['the one who broke it, APPROVER or not', { ...breaker, roles: ['APPROVER'] }, 'FORBIDDEN'],
    ['somebody of the same name', { ...person('alice', 'APPROVER'), issuer: 'https://elsewhere.test' }, 'FORBIDDEN'],
  ])('is not for %s', async ([, actor, code]) => {
    const { ticketNo } = await asked();
    await breaks(ticketNo);
    const before = await contentOf(world);
    expect((await refusalOf(review(ticketNo, actor))).code).toBe(code);
    expect(await contentOf(world)).toEqual(before);
  });

  test('needs a comment, a broken glass, and happens once', async () => {
    const { ticketNo } = await asked();
    expect((await refusalOf(review(ticketNo))).code).toBe('CONFLICT');
    await breaks(ticketNo);
    const blank = reviewBreakGlass(replica.desk, carol, { ticketNo, comment: ' ' });
    expect(await refusalOf(blank)).toMatchObject({ code: 'INVALID_INPUT', details: { fields: ['input.comment'] } });
    await review(ticketNo, dave);
    expect(await refusalOf(review(ticketNo))).toMatchObject({
      code: 'CONFLICT',
      message: `dave has already reviewed ticket ${ticketNo}`,
    });
    expect((await refusalOf(review('zzzz9999'))).code).toBe('NOT_FOUND');
  });
});
