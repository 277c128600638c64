/** Someone who signed in. Issuer and subject tell people apart; the username is for reading and may change hands. */
export type Person = {
  issuer: string;
  subject: string;
  username: string;
  /** From where this person asks at this moment, where that is known. */
  address?: string | null;
};

export const roles = ['APPLICATION_DEPLOYER', 'APPROVER', 'AUDITOR', 'ADMIN', 'BREAK_GLASS'] as const;
export type Role = (typeof roles)[number];

/** A person with what the sign-in token says of them at this moment. */
export type Actor = Person & {
  roles: readonly Role[];
  groups: readonly string[];
  /** Where the request came from, as far as it is known: for the record, nothing is decided by it. */
  clientAddress?: string;
};

export const isSamePerson = (one: Omit<Person, 'username'>, other: Omit<Person, 'username'>): boolean =>
  one.issuer === other.issuer && one.subject === other.subject;

/**
 * For what needs somebody else: whoever goes by the same name, under this issuer or another, does not count as
 * another person.
 */
export const mayBeSamePerson = (one: Person, other: Person): boolean =>
  isSamePerson(one, other) || one.username.toLowerCase() === other.username.toLowerCase();

export const hasRole = (actor: Actor, ...wanted: Role[]): boolean => wanted.some((role) => actor.roles.includes(role));
