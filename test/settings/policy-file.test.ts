import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/settings/config.ts';
import { applyPolicies, requiredApprovals, tokenUsesFor } from '../../src/domain/approval-policy.ts';
import { loadPolicies } from '../../src/settings/policy-file.ts';
import { policyWith, requiredIn, tagsOf } from '../support/policies.ts';
import { openTestServices } from '../support/service.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'policies-'));
});
afterAll(() => rm(folder, { recursive: true }));

const inFile = async (text: string): Promise<string> => {
  const file = join(folder, 'policy.yaml');
  await writeFile(file, text);
  return file;
};
const load = async (text: string) => loadPolicies(await inFile(text));
const faultsOf = async (text: string): Promise<string[]> => {
  const error = await load(text).then(
    () => new Error('it was taken'),
    (reason: Error) => reason,
  );
  if (!(error instanceof ConfigError)) throw error;
  const [head, ...faults] = error.message.split('\n');
  expect(head).toBe(`POLICY_FILE ${join(folder, 'policy.yaml')} cannot be used:`);
  return faults;
};

describe('a file of policies', () => {
  test('is taken as it stands; what it leaves out it does not say', async () => {
    const text = `
policies:
  - name: payments
    match: { team: payments, critical: true }
    approvals: [{ count: 2 }, { count: 1, groups: [sre, dba] }]
    breakGlass: forbidden
    tokenUses: 1
  - { name: later, match: {}, breakGlass: { afterMinutes: 30 } }
`;
    expect(await load(text)).toEqual([
      {
        name: 'payments',
        match: { team: 'payments', critical: 'true' },
        approvals: requiredIn('2, 1 of sre|dba'),
        breakGlass: 'forbidden',
        tokenUses: 1,
      },
      policyWith({ name: 'later', breakGlass: { afterMinutes: 30 } }),
    ]);
  });

  test('may say nothing', async () => {
    expect(await load('policies: []')).toEqual([]);
  });

  test('may be JSON', async () => {
    const policy = policyWith({ approvals: requiredIn('1 of sre') });
    expect(await load(JSON.stringify({ policies: [policy] }))).toEqual([policy]);
  });

  test('is refused whole with every fault at its line', async () => {
    const faults = await faultsOf(`policies:
  - name: payments
    match: { build: 12 }
    aproval: [{ count: 2 }]
  - name: payments
    match: {}
    approvals:
      - count: 0
      - { count: 1, groups: [] }
      - { count: 1, group: [sre] }
    breakGlass: later
    tokenUses: 1.5
  - name: silent
    match: {}
    approvals: []
  - match: { env: production }
    breakGlass: { afterMinutes: -1 }
`);
    expect(faults).toEqual([
      'line 3: policies.0.match.build: must be a string: put it in quotes',
      'line 2: policies.0: Unrecognized key: "aproval"',
      'line 8: policies.1.approvals.0.count: must be 1 or more',
      'line 9: policies.1.approvals.1.groups: must name a group, or be left out',
      'line 10: policies.1.approvals.2: Unrecognized key: "group"',
      'line 11: policies.1.breakGlass: must be "forbidden", or afterMinutes with a whole number of minutes',
      'line 12: policies.1.tokenUses: must be a whole number',
      'line 15: policies.2.approvals: must require something, or be left out',
      'line 13: policies.2: must say something: approvals, breakGlass or tokenUses',
      'line 16: policies.3.name: must be a string',
      'line 17: policies.3.breakGlass.afterMinutes: must be 0 or more',
      'line 5: policies.1.name: names payments once more',
    ]);
  });

  test.for([
    ['a name that is taken', 'policies: [&one { name: a, match: {}, tokenUses: 1 }, *one]', 'names a once more'],
    ['a policy that says nothing', 'policies: [{ name: a, match: {} }]', 'must say something'],
    ['no tags to match, where all is meant', 'policies: [{ name: a, tokenUses: 1 }]', 'policies.0.match'],
    ['another key beside the policies', 'policies: []\npolicy: []', 'Unrecognized key: "policy"'],
    ['an empty file', '', 'expected object'],
    ['a key twice', 'policies: []\npolicies: []', 'line 2: Map keys must be unique'],
    ['what is no YAML', 'policies: [', 'line 1: Flow sequence'],
  ] as const)('with %s is refused', async ([, text, fault]) => {
    expect((await faultsOf(text)).join('\n')).toContain(fault);
  });

  test('that is not there is refused', async () => {
    await expect(loadPolicies(join(folder, 'none.yaml'))).rejects.toThrow(/^POLICY_FILE .*\nENOENT/);
  });
});

test('the example in the documents is one', async () => {
  const policies = await loadPolicies(join(import.meta.dirname, '../../docs/policy.example.yaml'));
  const applied = (tags: Record<string, string>) => applyPolicies(policies, [tagsOf(tags)], 15);
  const production = applied({ env: 'production', critical: 'true' });
  expect(requiredApprovals(production)).toEqual(requiredIn('2, 1 of platform|sre'));
  expect(production.breakGlassAfterMinutes).toBe(30);
  expect(tokenUsesFor(production, tagsOf({ env: 'production', critical: 'true' }))).toBe(3);
  const payments = applied({ team: 'payments', env: 'staging' });
  expect(requiredApprovals(payments)).toEqual(requiredIn('1 of payments-leads'));
  expect(payments.breakGlassAfterMinutes).toBeNull();
  expect(applied({ env: 'staging' }).breakGlassAfterMinutes).toBe(0);
  expect(requiredApprovals(applied({ critical: 'true' }))).toEqual(requiredIn('2'));
});

test('a service whose file of policies has a fault does not start', async () => {
  const services = await openTestServices();
  const POLICY_FILE = await inFile('policies: [{ name: a, match: {} }]');
  await expect(services.start({ POLICY_FILE })).rejects.toThrow(/^POLICY_FILE .*\nline 1: policies\.0: must say/);
  await services.close();
});
