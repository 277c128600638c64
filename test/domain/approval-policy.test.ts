import { describe, expect, test } from 'vitest';
import {
  type ApprovalPolicy,
  applyPolicies,
  awaitedGroups,
  fewestApprovals,
  groupsThatCount,
  missingTexts,
  requiredApprovals,
  standingOf,
  tokenUsesFor,
  wouldCount,
} from '../../src/domain/approval-policy.ts';
import { canonicalHash } from '../../src/domain/canonical-hash.ts';
import { policyWith, requiredIn, tagsOf } from '../support/policies.ts';

const policies: ApprovalPolicy[] = [
  policyWith({ name: 'production', match: { env: 'production' }, approvals: requiredIn('2') }),
  policyWith({ name: 'payments', match: { team: 'payments' }, approvals: requiredIn('1 of sre'), tokenUses: 3 }),
  policyWith({ name: 'both', match: { env: 'production', team: 'payments' }, tokenUses: 1, breakGlass: 'forbidden' }),
  policyWith({ name: 'staging', match: { env: 'staging' }, breakGlass: { afterMinutes: 0 } }),
];
const critical = 'built-in: critical applications';
const every = 'built-in: every application';
const applied = (...entries: Record<string, string>[]) => applyPolicies(policies, entries.map(tagsOf), 15);

describe('which policies apply', () => {
  test.for<[rule: string, entries: Record<string, string>[], names: string[]]>([
    [
      'every one that matches, in the order of the file',
      [{ team: 'payments', env: 'production' }],
      ['production', 'payments', 'both'],
    ],
    ['only where all of its tags are there', [{ env: 'production', team: 'web' }], ['production']],
    ['not where a tag has another value', [{ env: 'test', team: 'payments' }], ['payments']],
    ['those of every entry', [{ team: 'payments' }, { env: 'production' }], ['production', 'payments']],
    ['the built-in ones where none matches', [{ env: 'test' }], [every]],
    ['without tags too', [{}], [every]],
    ['for critical applications another one of them', [{ critical: 'true' }], [critical, every]],
    ['only that value is critical', [{ critical: 'TRUE' }], [every]],
    [
      'the built-in ones too where what matches is silent on approvals',
      [{ env: 'staging', critical: 'true' }],
      ['staging', critical, every],
    ],
    [
      'for an entry that is silent, beside one that is not',
      [{ env: 'staging' }, { env: 'production' }],
      ['production', 'staging', every],
    ],
    ['a stated requirement replaces them', [{ env: 'production', critical: 'true' }], ['production']],
  ])('%s', ([, entries, names]) => {
    expect(applied(...entries).policies.map(({ name }) => name)).toEqual(names);
  });

  test('the hash is the same for the same policies, however many entries they come from and in which order', () => {
    const [one, other] = [{ team: 'payments' }, { env: 'production' }];
    expect(canonicalHash(applied(one, other))).toBe(canonicalHash(applied(other, one, one)));
    expect(canonicalHash(applied(one))).not.toBe(canonicalHash(applied(other)));
  });
});

test.for<[rule: string, stated: string[], required: string, fewest: number]>([
  ['of one kind the greatest', ['1', '3', '2'], '3', 3],
  ['different groups are different requirements', ['1 of sre', '1 of dba'], '1 of sre, 1 of dba', 1],
  ['the same groups in another order are one', ['1 of sre|dba', '2 of dba|sre'], '2 of dba|sre', 2],
  ['so many of a group are so many approvers', ['1', '1 of sre'], '1 of sre', 1],
  ['fewer of a group are not', ['2', '1 of sre'], '2, 1 of sre', 2],
  ['a member of the narrower group is one of the wider', ['1 of sre|dba', '1 of sre'], '1 of sre', 1],
  ['not the other way round', ['2 of sre|dba', '1 of sre'], '2 of dba|sre, 1 of sre', 2],
])('of all that is required, %s', ([, stated, required, fewest]) => {
  const found = requiredApprovals({ policies: stated.map((one) => policyWith({ approvals: requiredIn(one) })) });
  expect(found).toEqual(requiredIn(required));
  expect(fewestApprovals(found)).toBe(fewest);
});

test.for<[rule: string, required: string, approvals: string[][], missing: string[], awaited: string[] | null]>([
  ['nobody has approved', '2', [], ['2 approvers'], null],
  ['each person counts once', '2', [['sre']], ['1 approver'], null],
  ['two are two', '2', [[], []], [], []],
  ['a person counts towards several', '2, 1 of sre', [['sre']], ['1 approver'], null],
  ['then only the group is awaited', '2, 1 of sre', [[], []], ['1 of sre'], ['sre']],
  ['several of a group', '2 of sre', [['sre']], ['1 of sre'], ['sre']],
  ['either group counts', '1 of dba|sre', [['dba']], [], []],
  ['groups that are all missing', '1 of dba, 1 of sre|ops', [], ['1 of dba', '1 of sre or ops'], ['dba', 'ops', 'sre']],
  ['one person in both groups fulfils both', '1 of dba, 1 of sre', [['dba', 'sre']], [], []],
  ['more than needed is no less', '1', [[], [], []], [], []],
])('what is missing: %s', ([, required, approvals, missing, awaited]) => {
  const standing = standingOf(
    requiredIn(required),
    approvals.map((groups) => ({ groups })),
  );
  expect(missingTexts(standing)).toEqual(missing);
  expect(awaitedGroups(standing)).toEqual(awaited);
});

test.for<[required: string, approvals: string[][], groups: string[], counts: boolean]>([
  ['1', [], [], true],
  ['1 of sre', [], [], false],
  ['1 of sre', [], ['sre'], true],
  ['2, 1 of sre', [[]], [], true],
  ['2, 1 of sre', [[], []], [], false],
  ['2, 1 of sre', [[], []], ['ops', 'sre'], true],
])('of %s, after %j, the approval of a member of %j counts: %s', ([required, approvals, groups, counts]) => {
  const standing = standingOf(
    requiredIn(required),
    approvals.map((given) => ({ groups: given })),
  );
  expect(wouldCount(standing, { groups })).toBe(counts);
  const awaited = awaitedGroups(standing);
  expect(awaited === null || awaited.some((group) => groups.includes(group)), 'as the list decides').toBe(counts);
});

test("of a person's groups those are kept that the policy names", () => {
  expect(groupsThatCount(requiredIn('1 of sre|dba, 1 of ops'), ['all', 'sre', 'ops'])).toEqual(['ops', 'sre']);
});

test.for<[rule: string, entries: Record<string, string>[], minutes: number | null]>([
  ['as set, where no policy says', [{ env: 'production' }], 15],
  ['at once, where a policy says so', [{ env: 'staging' }], 0],
  ['never, where one forbids it', [{ env: 'production', team: 'payments' }], null],
  ['of several entries the latest', [{ env: 'staging' }, { env: 'production' }], 15],
  ['not at all where it is forbidden for one', [{ env: 'staging' }, { env: 'production', team: 'payments' }], null],
])('the glass can be broken %s', ([, entries, minutes]) => {
  expect(applied(...entries).breakGlassAfterMinutes).toBe(minutes);
});

test('of policies that say different minutes the latest decides', () => {
  const both = [0, 40, 5].map((afterMinutes) => policyWith({ breakGlass: { afterMinutes } }));
  expect(applyPolicies(both, [[]], 15).breakGlassAfterMinutes).toBe(40);
});

test.for<[tags: Record<string, string>, uses: number | null]>([
  [{ env: 'production' }, null],
  [{ team: 'payments' }, 3],
  [{ team: 'payments', env: 'production' }, 1],
])('a token for %j has %s uses: the fewest that a policy says for its own tags', ([tags, uses]) => {
  const policy = applied({ team: 'payments', env: 'production' }, tags);
  expect(tokenUsesFor(policy, tagsOf(tags))).toBe(uses);
});
