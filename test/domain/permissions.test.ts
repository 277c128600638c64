import { describe, expect, test } from 'vitest';
import { RedeployError } from '../../src/domain/errors.ts';
import {
  mayDecide,
  mayReadApplication,
  mayReadAudit,
  mayReadWhatBelongsTo,
  mayRedeployApplication,
  mayRegisterApplications,
  mayRevokeTokenOf,
  requirePermission,
} from '../../src/domain/permissions.ts';
import type { Actor } from '../../src/domain/person.ts';
import { person } from '../support/people.ts';

const owners = { users: ['olga'], groups: ['backend'] };
const asker = { issuer: 'https://issuer.test', subject: 'subject-of-olga' };

const people: Record<string, Actor> = {
  'a deployer who owns': person('olga', 'APPLICATION_DEPLOYER'),
  'a deployer in an owning group': { ...person('ann', 'APPLICATION_DEPLOYER'), groups: ['backend'] },
  'another deployer': { ...person('ann', 'APPLICATION_DEPLOYER'), groups: ['frontend'] },
  'an owner without a role': person('olga'),
  'an approver': person('ann', 'APPROVER'),
  'an auditor': person('ann', 'AUDITOR'),
  'an admin': person('ann', 'ADMIN'),
  'nobody in particular': person('ann'),
};

/** What each may do about an application of olga's and of backend's, and read of what is olga's own. */
const rules = {
  register: (actor: Actor) => mayRegisterApplications(actor),
  redeploy: (actor: Actor) => mayRedeployApplication(actor, owners),
  decide: (actor: Actor) => mayDecide(actor),
  'read application': (actor: Actor) => mayReadApplication(actor, owners),
  "read olga's": (actor: Actor) => mayReadWhatBelongsTo(actor, asker),
  "revoke olga's token": (actor: Actor) => mayRevokeTokenOf(actor, asker),
  'revoke a token that nobody holds': (actor: Actor) => mayRevokeTokenOf(actor, null),
  'read audit': (actor: Actor) => mayReadAudit(actor),
};

const allowed: Record<string, (keyof typeof rules)[]> = {
  'a deployer who owns': ['redeploy', 'read application', "read olga's", "revoke olga's token"],
  'a deployer in an owning group': ['redeploy', 'read application'],
  'another deployer': [],
  'an owner without a role': ['read application', "read olga's", "revoke olga's token"],
  'an approver': [
    'decide',
    'read application',
    "read olga's",
    "revoke olga's token",
    'revoke a token that nobody holds',
  ],
  'an auditor': ['read application', "read olga's", 'read audit'],
  'an admin': [
    'register',
    'redeploy',
    'read application',
    "read olga's",
    'read audit',
    "revoke olga's token",
    'revoke a token that nobody holds',
  ],
  'nobody in particular': [],
};

describe.for(Object.entries(people))('%s', ([who, actor]) => {
  const verbs = Object.keys(rules) as (keyof typeof rules)[];
  test.for(verbs.map((verb) => [allowed[who]!.includes(verb) ? 'may' : 'may not', verb] as const))(
    '%s %s',
    ([may, verb]) => {
      expect(rules[verb](actor)).toBe(may === 'may');
    },
  );
});

test('the same subject of another issuer is another person', () => {
  const impostor = { ...person('olga', 'APPLICATION_DEPLOYER'), issuer: 'https://other.test' };
  expect(mayReadWhatBelongsTo(impostor, asker)).toBe(false);
});

test('the same username with another subject is another person', () => {
  const namesake = { ...person('olga', 'APPLICATION_DEPLOYER'), subject: 'another' };
  expect(mayReadWhatBelongsTo(namesake, asker)).toBe(false);
});

test('what is not permitted is FORBIDDEN, with its advice', () => {
  expect(() => requirePermission(true, 'no')).not.toThrow();
  expect(() => requirePermission(false, 'no', 'Ask.')).toThrow(
    new RedeployError('FORBIDDEN', 'no', { advice: 'Ask.' }),
  );
});
