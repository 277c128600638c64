/** Someone who signed in. Issuer and subject tell people apart; the username is for reading and may change hands. */
export type Person = { issuer: string; subject: string; username: string };

export const roles = ['APPLICATION_DEPLOYER', 'APPROVER', 'AUDITOR', 'ADMIN'] as const;
export type Role = (typeof roles)[number];

/** A person with what the sign-in token says of them at this moment. */
export type Actor = Person & { roles: readonly Role[]; groups: readonly string[] };

export const isSamePerson = (one: Omit<Person, 'username'>, other: Omit<Person, 'username'>): boolean =>
  one.issuer === other.issuer && one.subject === other.subject;

export const hasRole = (actor: Actor, ...wanted: Role[]): boolean => wanted.some((role) => actor.roles.includes(role));
