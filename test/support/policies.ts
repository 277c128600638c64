import type { ApprovalPolicy } from '../../src/domain/approval-policy.ts';

/** A policy that matches everything and says nothing, but for what is given. */
export const policyWith = (changes: Partial<ApprovalPolicy>): ApprovalPolicy => ({
  name: 'policy',
  match: {},
  approvals: [],
  breakGlass: null,
  tokenUses: null,
  ...changes,
});

export const tagsOf = (tags: Record<string, string>): { tagKey: string; tagValue: string }[] =>
  Object.entries(tags).map(([tagKey, tagValue]) => ({ tagKey, tagValue }));

/** "2", "1 of sre|dba": what must be fulfilled, as the tables of the tests write it. */
export const requiredIn = (text: string): { count: number; groups: string[] }[] =>
  text.split(',').map((one) => {
    const [count = '', groups] = one.trim().split(' of ');
    return { count: Number(count), groups: groups?.split('|') ?? [] };
  });
