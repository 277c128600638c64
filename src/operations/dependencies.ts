import type { MikroORM } from '@mikro-orm/postgresql';
import type { Logger } from 'pino';
import type { ApprovalPolicy } from '../domain/approval-policy.ts';
import type { SigningKeys } from '../domain/checkpoint-signature.ts';
import type { Clusters } from '../domain/cluster.ts';
import type { Measurements } from '../domain/measurements.ts';
import type { Operation } from '../domain/operation.ts';
import type { RolloutEvents } from '../domain/rollout.ts';
import type { VerdictLimits } from '../domain/rollout-verdict.ts';
import type { RegistryChanges } from '../domain/registry-changes.ts';
import type { TicketChanges } from '../domain/ticket-changes.ts';
import type { Tokens } from '../domain/token.ts';
import type { Tracing } from '../domain/tracing.ts';

/** Limits and times that the operations obey; each with its unit in the name. */
export type Limits = VerdictLimits & {
  tokenHours: number;
  pendingTicketHours: number;
  /** Redis may be away so long after the last approval before the ticket fails. */
  tokenIssueSeconds: number;
  redeploysPerMinute: number;
  redeploysPerHour: number;
  redeploysPerUserPerMinute: number;
  redeploysPerUserPerHour: number;
  /** Of a ticket that nobody has decided, where its policy does not say otherwise. */
  breakGlassAfterMinutes: number;
  /** A patch that was not sent by then is never sent. */
  patchWithinSeconds: number;
};

/** What an operation works with. */
export type Dependencies = {
  orm: MikroORM;
  tokens: Tokens;
  rolloutEvents: RolloutEvents;
  ticketChanges: TicketChanges;
  registryChanges: RegistryChanges;
  clusters: Clusters;
  limits: Limits;
  /** Of the policy file; empty where the built-in ones hold alone. */
  policies: readonly ApprovalPolicy[];
  log: Logger;
  /** With which checkpoints are signed; without them they are not. */
  auditKeys?: SigningKeys | null;
  /** Whether notifications have a receiver; without one the outbox stays empty. */
  notifies?: boolean;
  /** Nobody measures without. */
  measurements?: Measurements;
  /** Nobody collects traces without. */
  tracing?: Tracing;
  /** Names this process among the replicas. */
  processId: string;
};

/** What a request works with: the same, and the follower of this process. */
export type Desk = Dependencies & {
  /**
   * Sends the patch of an operation that this process created and follows it; resolves with what became of it when the
   * patch's fate is known, with null where it is not known here.
   */
  follow: (operation: Operation) => Promise<Operation | null>;
};
