import { RedeployError } from './errors.ts';
import { type Actor, hasRole, isSamePerson, type Person } from './person.ts';

/**
 * Who may do and see what, in one place. Every rule starts from no: a person without a rule that lets them
 * may not. ADMIN registers applications and sees everything but does not imply APPROVER.
 */

export type Owners = { users: string[]; groups: string[] };

export const isOwner = (actor: Actor, owners: Owners): boolean =>
  owners.users.includes(actor.username) || owners.groups.some((group) => actor.groups.includes(group));

export const mayRegisterApplications = (actor: Actor): boolean => hasRole(actor, 'ADMIN');

export const isDeployer = (actor: Actor): boolean => hasRole(actor, 'APPLICATION_DEPLOYER', 'ADMIN');

/** To ask for a redeploy of an application, and to use the token that was given for it. */
export const mayRedeployApplication = (actor: Actor, owners: Owners): boolean =>
  isDeployer(actor) && (isOwner(actor, owners) || hasRole(actor, 'ADMIN'));

export const mayDecide = (actor: Actor): boolean => hasRole(actor, 'APPROVER');

/** To take a ticket's tokens without approval; of the rest the ticket's policy decides. */
export const mayBreakGlass = (actor: Actor): boolean => isDeployer(actor) && hasRole(actor, 'BREAK_GLASS');

/** Approvers must see what they decide on, auditors what was done, admins what they run. */
export const seesEverything = (actor: Actor): boolean => hasRole(actor, 'APPROVER', 'AUDITOR', 'ADMIN');

export const mayReadApplication = (actor: Actor, owners: Owners): boolean =>
  seesEverything(actor) || isOwner(actor, owners);

/** Tickets, tokens and operations: whose they are, and whoever sees everything. */
export const mayReadWhatBelongsTo = (actor: Actor, person: Omit<Person, 'username'>): boolean =>
  seesEverything(actor) || isSamePerson(actor, person);

/**
 * To be told of what belongs to somebody as it happens: whoever sees everything, and that person as long as they own
 * every application concerned; `null` is one that is registered no more. What is on record stays theirs to read.
 */
export const mayFollow = (
  actor: Actor,
  person: Omit<Person, 'username'>,
  applications: readonly (Owners | null)[],
): boolean =>
  seesEverything(actor) ||
  (isSamePerson(actor, person) && applications.every((owners) => owners !== null && isOwner(actor, owners)));

/** One's own token, or as the person who decides on tokens; `null` is a token that nobody holds. */
export const mayRevokeTokenOf = (actor: Actor, holder: Omit<Person, 'username'> | null): boolean =>
  hasRole(actor, 'APPROVER', 'ADMIN') || (holder !== null && isSamePerson(actor, holder));

export const mayReadAudit = (actor: Actor): boolean => hasRole(actor, 'AUDITOR', 'ADMIN');

/** Registered, and this person's to redeploy. Throws FORBIDDEN. */
export function requireMayRedeploy<A extends { owners: Owners }>(actor: Actor, name: string, application: A | null): A {
  const isAllowed = application !== null && mayRedeployApplication(actor, application.owners);
  requirePermission(isAllowed, `${actor.username} may not redeploy ${name}`);
  return application!;
}

export function requirePermission(allowed: boolean, message: string, advice?: string): void {
  if (!allowed) throw new RedeployError('FORBIDDEN', message, advice === undefined ? {} : { advice });
}
