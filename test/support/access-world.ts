import { randomUUID } from 'node:crypto';
import { oidcSignIn } from '../../src/adapters/oidc/oidc-sign-in.ts';
import type { Actor, Role } from '../../src/domain/person.ts';
import { defaultEdge } from '../../src/http/edge-settings.ts';
import { registerApplication } from '../../src/operations/applications.ts';
import { breakGlass } from '../../src/operations/break-glass.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { approve, createTicket } from '../../src/operations/tickets.ts';
import { startIssuer } from '../../src/sandbox/issuer.ts';
import { type Relation, relations } from './access-tables.ts';
import { carol, grace, openTestWorld, type TestWorld } from './desk.ts';
import { type LiveReplica, openLiveReplica } from './live.ts';

/** What a request needs beside its application: a ticket that is pending, has live tokens, or had its glass broken. */
export const ticketKinds = ['pending', 'authorized', 'broken'] as const;
export type TicketKind = (typeof ticketKinds)[number];

/** One relation, made so that it holds for pat: an application of its own, with a ticket of each kind. */
export type Situation = {
  relation: Relation;
  applicationName: string;
  requester: string;
  tickets: Record<TicketKind, string>;
  /** Of the authorized ticket; finished. */
  operationId: string;
};

/** A world in which one person, pat, stands in every relation, and signs in with one set of roles or another. */
export type AccessWorld = {
  world: TestWorld;
  replica: LiveReplica;
  situations: Situation[];
  /** Pat's, with these roles; null where nobody signs in. */
  tokens: Record<string, string | null>;
  /** The same with a new ticket of this kind; the operations so far are finished. */
  renew: (situation: Situation, kind: TicketKind) => Promise<Situation>;
  /** An application of its own. */
  register: () => Promise<string>;
  close: () => Promise<void>;
};

const generous = { subscriptionsPerConnection: 1e3, subscriptionsPerUser: 1e3, connectionsPerUser: 1e3 };

export async function openAccessWorld(columns: readonly string[]): Promise<AccessWorld> {
  const [world, issuer] = await Promise.all([openTestWorld(), startIssuer()]);
  const claims = { usernameClaim: 'preferred_username', rolesClaim: 'roles', groupsClaim: 'groups' };
  const replica = await openLiveReplica(world, {
    lookMs: 100,
    limits: { breakGlassAfterMinutes: 0 },
    verifySignIn: oidcSignIn({ issuer: issuer.url, audience: 'cratos-redeploy', ...claims }),
    edge: { ...defaultEdge, connections: { ...defaultEdge.connections, ...generous } },
  });
  const { desk } = replica.replica;
  /** With every right, so that anybody can have asked for anything. */
  const almighty = (username: string): Actor => ({
    issuer: issuer.url,
    subject: `subject-of-${username}`,
    username,
    roles: ['ADMIN', 'BREAK_GLASS'],
    groups: [],
  });

  async function ticketFor(
    kind: TicketKind,
    { applicationName, requester }: Pick<Situation, 'applicationName' | 'requester'>,
  ) {
    const { ticketNo } = await createTicket(desk, almighty(requester), {
      workOrderKey: 'APPLICATION_REDEPLOY',
      reason: 'it answers 500',
      category: 'BUG_FIX',
      entries: [{ detail: { applicationName } }],
    });
    if (kind === 'authorized') await approve(desk, carol, { ticketNo });
    const reason = 'nobody of those who decide answers the phone';
    if (kind === 'broken') await breakGlass(desk, almighty(requester), { ticketNo, reason });
    return ticketNo;
  }

  const finishOperations = () =>
    world.sql(`update operation set rollout_status = 'COMPLETED', success = true where success is null`);

  async function register(owners: { users?: string[]; groups?: string[] } = { users: ['otto'] }): Promise<string> {
    const name = `app-${randomUUID().slice(0, 8)}`;
    const namespace = await world.cluster.createNamespace();
    await world.cluster.createDeployment(namespace, { name, image: 'web:v1', replicas: 0 });
    await registerApplication(desk, grace, { name, owners, targets: [{ namespace, deploymentName: name }] });
    return name;
  }

  async function situationOf(relation: Relation): Promise<Situation> {
    const applicationName = await register(relation.isOwner ? { groups: ['team'] } : { users: ['otto'] });
    const requester = relation.isOwn ? 'pat' : 'otto';
    const authorized = await ticketFor('authorized', { applicationName, requester });
    const { id: operationId } = await redeploy(desk, almighty(requester), { applicationName });
    await finishOperations();
    const [pending, broken] = [
      await ticketFor('pending', { applicationName, requester }),
      await ticketFor('broken', { applicationName, requester }),
    ];
    return { relation, applicationName, requester, tickets: { pending, authorized, broken }, operationId };
  }

  const tokens: AccessWorld['tokens'] = {};
  for (const column of columns) {
    const roles = column === 'no role' ? [] : (column.split(', ') as Role[]);
    const pat = { subject: 'subject-of-pat', username: 'pat', groups: ['team'], roles };
    tokens[column] = column === 'nobody' ? null : await issuer.sign(pat);
  }
  const situations: Situation[] = [];
  for (const relation of relations) situations.push(await situationOf(relation));
  return {
    world,
    replica,
    situations,
    tokens,
    renew: async (situation, kind) => {
      await finishOperations();
      return { ...situation, tickets: { ...situation.tickets, [kind]: await ticketFor(kind, situation) } };
    },
    register,
    close: async () => {
      await replica.stop();
      await issuer.stop();
      await world.close();
    },
  };
}
