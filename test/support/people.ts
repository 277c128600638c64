import type { Actor, Role } from '../../src/domain/person.ts';

/** Somebody who is signed in; the same name is the same person. */
export const person = (username: string, ...roles: Role[]): Actor => ({
  issuer: 'https://issuer.test',
  subject: `subject-of-${username}`,
  username,
  roles,
  groups: [],
});

export const alice = person('alice', 'APPLICATION_DEPLOYER');
export const carol = person('carol', 'APPROVER');
export const dave = person('dave', 'APPROVER');
export const grace = person('grace', 'ADMIN');
export const frank = person('frank', 'AUDITOR');
