import type { BusinessTag } from './application.ts';

/** So many people; only members of one of these groups count where it names any, else every APPROVER does. */
export type RequiredApprovals = { count: number; groups: string[] };

/** One policy as the reviewed file states it. Every policy that matches an application's tags applies to it. */
export type ApprovalPolicy = {
  name: string;
  /** Tags that an application must all have; none matches every application. */
  match: Record<string, string>;
  /** All must be fulfilled. None: this policy says nothing on approvals. */
  approvals: RequiredApprovals[];
  /** When the requester may take the token alone; null: this policy does not say. */
  breakGlass: 'forbidden' | { afterMinutes: number } | null;
  /** How often a token may be used; null: this policy does not say. */
  tokenUses: number | null;
};

/** What applied to a ticket when it was created; stored with it, so that a changed file changes no ticket. */
export type AppliedPolicy = {
  policies: ApprovalPolicy[];
  /** Minutes from the ticket's creation; null: forbidden. */
  breakGlassAfterMinutes: number | null;
};

const unspoken = { breakGlass: null, tokenUses: null };

/** What holds where no policy that matches says how many must approve. */
export const builtInPolicies: readonly ApprovalPolicy[] = [
  {
    name: 'built-in: critical applications',
    match: { critical: 'true' },
    approvals: [{ count: 2, groups: [] }],
    ...unspoken,
  },
  { name: 'built-in: every application', match: {}, approvals: [{ count: 1, groups: [] }], ...unspoken },
];

type Tags = readonly BusinessTag[];

const matches = ({ match }: ApprovalPolicy, tags: Tags): boolean =>
  Object.entries(match).every(([key, value]) =>
    tags.some(({ tagKey, tagValue }) => tagKey === key && tagValue === value),
  );

function policiesFor(policies: readonly ApprovalPolicy[], tags: Tags): ApprovalPolicy[] {
  const matching = policies.filter((policy) => matches(policy, tags));
  const isApproved = matching.some(({ approvals }) => approvals.length > 0);
  return isApproved ? matching : [...matching, ...builtInPolicies.filter((policy) => matches(policy, tags))];
}

/** The policies of every entry's application. Where they differ on breaking the glass the strictest decides. */
export function applyPolicies(
  policies: readonly ApprovalPolicy[],
  entries: readonly Tags[],
  breakGlassAfterMinutes: number,
): AppliedPolicy {
  const perEntry = entries.map((tags) => policiesFor(policies, tags));
  const minutes = perEntry.map((applied) => minutesOf(applied, breakGlassAfterMinutes));
  return {
    policies: [...policies, ...builtInPolicies].filter((policy) => perEntry.flat().includes(policy)),
    breakGlassAfterMinutes: minutes.includes(null) ? null : Math.max(...minutes.map(Number)),
  };
}

function minutesOf(policies: readonly ApprovalPolicy[], standard: number): number | null {
  const said = policies.flatMap(({ breakGlass }) => breakGlass ?? []);
  if (said.length === 0) return standard;
  const minutes = said.map((one) => (one === 'forbidden' ? null : one.afterMinutes));
  return minutes.includes(null) ? null : Math.max(...minutes.map(Number));
}

/** Everything that must be fulfilled, without what something else implies. */
export function requiredApprovals({ policies }: Pick<AppliedPolicy, 'policies'>): RequiredApprovals[] {
  const strictest = new Map<string, RequiredApprovals>();
  for (const required of policies.flatMap(({ approvals }) => approvals)) {
    const groups = [...new Set(required.groups)].toSorted();
    const key = JSON.stringify(groups);
    const count = Math.max(required.count, strictest.get(key)?.count ?? 0);
    strictest.set(key, { count, groups });
  }
  const all = [...strictest.values()];
  return all.filter((one) => !all.some((other) => other !== one && implies(other, one)));
}

const implies = (one: RequiredApprovals, other: RequiredApprovals): boolean =>
  one.count >= other.count &&
  one.groups.length > 0 &&
  (other.groups.length === 0 || one.groups.every((group) => other.groups.includes(group)));

/** At least so many people: one person may count towards several requirements. */
export const fewestApprovals = (required: readonly RequiredApprovals[]): number =>
  Math.max(...required.map(({ count }) => count));

/** The policy's groups that somebody is in: as whose member the approval counts. */
export function groupsThatCount(required: readonly RequiredApprovals[], groups: readonly string[]): string[] {
  const named = new Set(required.flatMap((one) => one.groups));
  return [...named].filter((group) => groups.includes(group)).toSorted();
}

export type StandingRequirement = RequiredApprovals & { missing: number };

/** What each requirement still misses after these approvals, each of another person. */
export const standingOf = (
  required: readonly RequiredApprovals[],
  approvals: readonly { groups: readonly string[] }[],
): StandingRequirement[] =>
  required.map(({ count, groups }) => {
    const given = approvals.filter((approval) => counts({ groups }, approval)).length;
    return { count, groups, missing: Math.max(0, count - given) };
  });

const counts = ({ groups }: Pick<RequiredApprovals, 'groups'>, person: { groups: readonly string[] }): boolean =>
  groups.length === 0 || groups.some((group) => person.groups.includes(group));

export const wouldCount = (standing: readonly StandingRequirement[], person: { groups: readonly string[] }): boolean =>
  standing.some((one) => one.missing > 0 && counts(one, person));

/** Whose approval is missing: members of these groups; null where every approver's is. */
export function awaitedGroups(standing: readonly StandingRequirement[]): string[] | null {
  const missing = standing.filter((one) => one.missing > 0);
  if (missing.some(({ groups }) => groups.length === 0)) return null;
  return [...new Set(missing.flatMap(({ groups }) => groups))].toSorted();
}

/** "2 approvers", "1 of dba or sre": for people. */
export const missingTexts = (standing: readonly StandingRequirement[]): string[] =>
  standing
    .filter(({ missing }) => missing > 0)
    .map(({ missing, groups }) =>
      groups.length > 0 ? `${missing} of ${groups.join(' or ')}` : `${missing} approver${missing === 1 ? '' : 's'}`,
    );

/** How often the token for an application with these tags may be used; null: as often as its time allows. */
export function tokenUsesFor({ policies }: Pick<AppliedPolicy, 'policies'>, tags: Tags): number | null {
  const said = policies.filter((policy) => matches(policy, tags)).flatMap(({ tokenUses }) => tokenUses ?? []);
  return said.length === 0 ? null : Math.min(...said);
}
