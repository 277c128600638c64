import { randomInt } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Application, type BusinessTag } from '../domain/application.ts';
import {
  applyPolicies,
  awaitedGroups,
  fewestApprovals,
  requiredApprovals,
  standingOf,
} from '../domain/approval-policy.ts';
import { canonicalHash } from '../domain/canonical-hash.ts';
import { RedeployError } from '../domain/errors.ts';
import type { Actor } from '../domain/person.ts';
import { mayRedeployApplication, requirePermission } from '../domain/permissions.ts';
import type { Decision, TicketCategory } from '../domain/ticket-status.ts';
import { Approval, Ticket, TicketEntry } from '../domain/ticket.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies } from './dependencies.ts';
import { readDecisionInput, readTicketInput } from './inputs.ts';
import { carryOut, grantEntries } from './issue-tokens.ts';
import { lockTicket } from './ticket-locks.ts';
import { databaseNow, inTransaction, violates } from './transaction.ts';

export type CreateTicketInput = {
  workOrderKey: 'APPLICATION_REDEPLOY';
  reason: string;
  category: TicketCategory;
  entries: readonly {
    detail: {
      id?: number | null;
      name?: string | null;
      applicationName: string;
      businessTags?: readonly { tag: BusinessTag }[] | null;
    };
    expectedEffect?: string | null;
    rollbackPlan?: string | null;
  }[];
};

/** Asks for a redeploy. Only who may redeploy every application that it names. */
export async function createTicket(deps: Dependencies, actor: Actor, input: CreateTicketInput): Promise<Ticket> {
  const { reason, category, entries } = readTicketInput(input);
  const names = entries.map(({ detail }) => detail.applicationName);
  if (new Set(names).size < names.length) {
    throw new RedeployError('INVALID_INPUT', 'input.entries: must not name the same application twice', {
      fields: ['input.entries'],
    });
  }
  return retryOnTakenNumber(() =>
    inTransaction(deps, async (em) => {
      const now = await databaseNow(em);
      const applications: Application[] = [];
      for (const { detail } of entries) applications.push(await applicationToRedeploy(em, actor, detail));
      const tags = applications.map(({ businessTags }) => businessTags);
      const policy = applyPolicies(deps.policies, tags, deps.limits.breakGlassAfterMinutes);
      const policyHash = canonicalHash(policy);
      const required = requiredApprovals(policy);
      const approvalsRequired = fewestApprovals(required);
      const ticket = em.create(Ticket, {
        ticketNo: newTicketNo(),
        category,
        reason,
        issuer: actor.issuer,
        subject: actor.subject,
        username: actor.username,
        approvalsRequired,
        policy,
        policyHash,
        awaitsGroups: awaitedGroups(standingOf(required, [])),
        createdAt: now,
        decideBy: new Date(now.getTime() + deps.limits.pendingTicketHours * 3_600_000),
      });
      for (const [position, application] of applications.entries()) {
        const { name: applicationName, businessTags, manifest } = application;
        const { expectedEffect, rollbackPlan } = entries[position]!;
        const targets = application.targets.getItems().map((target) => target.toTarget());
        em.create(TicketEntry, {
          ticket,
          position,
          applicationName,
          businessTags,
          targets,
          manifest,
          expectedEffect,
          rollbackPlan,
        });
      }
      await em.flush(); // the records name the ticket's id
      recordFacts(em, ticket, actor, now, {}, [
        { kind: 'TICKET_CREATE', category, reason, applications: names, approvalsRequired, policy, policyHash },
      ]);
      for (const { applicationName, businessTags, targets, manifest, ...entry } of ticket.entries) {
        recordFacts(em, ticket, actor, now, { applicationName }, [
          {
            kind: 'ENTRY_CREATE',
            businessTags,
            targets,
            manifestHash: manifest ? canonicalHash(manifest) : null,
            expectedEffect: entry.expectedEffect ?? null,
            rollbackPlan: entry.rollbackPlan ?? null,
          },
        ]);
      }
      return ticket;
    }),
  );
}

type DecisionInput = { ticketNo: string; comment?: string | null };

/**
 * One approval. The last one that is needed stores the grants too; after that commit the tokens go to Redis and
 * a second transaction authorizes the ticket. UNAVAILABLE, and nothing changed, where Redis is away beforehand.
 */
export async function approve(deps: Dependencies, actor: Actor, input: DecisionInput): Promise<Ticket> {
  return carryOut(deps, await decide(deps, actor, 'APPROVED', input));
}

/** Ends the ticket. One rejection is enough. */
export async function reject(deps: Dependencies, actor: Actor, input: DecisionInput): Promise<Ticket> {
  return decide(deps, actor, 'REJECTED', input);
}

async function decide(deps: Dependencies, actor: Actor, decision: Decision, input: DecisionInput): Promise<Ticket> {
  const { ticketNo, comment } = readDecisionInput(input);
  if (decision === 'APPROVED') await deps.tokens.ping();
  return inTransaction(deps, async (em) => {
    const { ticket, now } = await lockTicket(em, { ticketNo }, { populate: ['entries', 'approvals'] });
    const fact = decision === 'APPROVED' ? ticket.approve(actor, comment, now) : ticket.reject(actor, comment, now);
    const { issuer, subject, username } = actor;
    const groups = fact.kind === 'TICKET_APPROVE' ? fact.groups : [];
    em.create(Approval, { ticket, issuer, subject, username, decision, comment, groups, at: now });
    recordFacts(em, ticket, actor, now, {}, [fact]);
    if (ticket.status === 'APPROVED') grantEntries(em, ticket, now, deps.limits.tokenHours);
    return ticket;
  });
}

/** The registry is the authority: unknown names and differing tags are refused, as is what the person may not redeploy. */
async function applicationToRedeploy(
  em: EntityManager,
  actor: Actor,
  detail: { name: string | null; applicationName: string; businessTags: BusinessTag[] },
): Promise<Application> {
  const { applicationName, name } = detail;
  const application = await em.findOne(Application, { name: applicationName }, { populate: ['targets'] });
  if (!application) throw applicationNotFound(applicationName);
  requirePermission(
    mayRedeployApplication(actor, application.owners),
    `${actor.username} may not redeploy ${applicationName}`,
    'Ask one of its owners, or for the role APPLICATION_DEPLOYER.',
  );
  if (name !== null && name !== applicationName) {
    throw new RedeployError('INVALID_INPUT', `detail.name is ${name}, but detail.applicationName ${applicationName}`, {
      fields: ['input.entries.detail.name'],
    });
  }
  for (const { tagKey, tagValue } of detail.businessTags) {
    const registered = application.businessTags.find((tag) => tag.tagKey === tagKey)?.tagValue;
    if (registered !== tagValue) {
      const stands = registered === undefined ? 'has no such tag' : `has ${tagKey}:${registered}`;
      throw new RedeployError(
        'INVALID_INPUT',
        `${applicationName} is asked for with ${tagKey}:${tagValue}, but ${stands}`,
        { fields: ['input.entries.detail.businessTags'] },
      );
    }
  }
  return application;
}

export const applicationNotFound = (name: string): RedeployError =>
  new RedeployError('NOT_FOUND', `there is no application ${name}`, { advice: 'Check the name.' });

const letters = 'abcdefghijklmnopqrstuvwxyz';
const digits = '0123456789';

/** 8 characters of a–z and 0–9, at least one of each kind. */
export function newTicketNo(): string {
  for (;;) {
    const ticketNo = Array.from({ length: 8 }, () => (letters + digits)[randomInt(36)]).join('');
    if (/[a-z]/.test(ticketNo) && /[0-9]/.test(ticketNo)) return ticketNo;
  }
}

async function retryOnTakenNumber<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (violates(error, 'ticket_ticket_no_unique')) return work();
    throw error;
  }
}
