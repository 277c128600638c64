import type { AppliedPolicy } from './approval-policy.ts';
import type { BusinessTag } from './application.ts';
import type { Target } from './cluster.ts';
import type { Owners } from './permissions.ts';

/** The guide's five levels of the record, and SERVICE for what belongs to no ticket. */
export const auditLevels = ['TICKET', 'ENTRY', 'TOKEN', 'OPERATION', 'KUBERNETES', 'SERVICE'] as const;
export type AuditLevel = (typeof auditLevels)[number];

/** What each kind of record tells beside who, when and on what. Grows by adding a line here, in the levels and in the messages. */
export type AuditData = {
  TICKET_CREATE: {
    category: string;
    reason: string;
    applications: string[];
    approvalsRequired: number;
    /** The approval policy that applied, and its hash; both absent in records from before there were any. */
    policy?: AppliedPolicy;
    policyHash?: string;
  };
  TICKET_APPROVE: {
    comment: string | null;
    approvals: number;
    approvalsRequired: number;
    /** The policy's groups that the person was in, and what it still missed; absent in records from before. */
    groups?: string[];
    missing?: string[];
  };
  TICKET_REJECT: { comment: string | null };
  TICKET_CANCEL: { reason: string | null };
  TICKET_EXPIRE: { decideBy: string };
  TICKET_COMPLETE: { result: string; summary: string | null };
  TICKET_FAIL: { reason: string };
  /** What the policy still missed when the requester took the tokens alone. */
  TICKET_BREAK_GLASS: { reason: string; missing: string[] };
  TICKET_REVIEW: { comment: string };
  TICKET_COMPLETE_REQUEST: { summary: string | null };
  ENTRY_CREATE: {
    businessTags: BusinessTag[];
    targets: Target[];
    /** Of the manifest as it was approved; absent in records from before it was told. */
    manifestHash?: string | null;
    expectedEffect: string | null;
    rollbackPlan: string | null;
  };
  ENTRY_PROCESS: { expires: string };
  ENTRY_SUCCESS: { expires: string };
  ENTRY_FAILED: { reason: string };
  /** The ticket whose token for the same application was running; absent in records from before it was told. */
  TOKEN_CREATE: { expires: string; runningTicketNo?: string | null };
  TOKEN_USE: { expires: string };
  TOKEN_EXPIRE: { expires: string };
  TOKEN_USED_UP: { uses: number };
  TOKEN_REVOKE: { reason: string };
  TOKEN_RESTORE: { expires: string };
  TOKEN_STRAY: { user: string; reason: string };
  REDEPLOY_START: {
    type: string;
    /** Of an image update the images, of a rollback the revision. Absent in records from before there were any. */
    change?: string | null;
    reason: string | null;
    deploymentName: string;
    strategy: string;
    previousImage: string;
    previousReplicas: number;
  };
  REDEPLOY_PROGRESS: { status: string; message: string };
  REDEPLOY_SUCCESS: { durationSeconds: number; currentImage: string; currentReplicas: number };
  REDEPLOY_FAILED: { status: string; errorMessage: string; durationSeconds: number };
  REDEPLOY_LATE_SUCCESS: { verdict: string };
  OPERATION_TAKE_OVER: { follower: string; fence: number };
  DEPLOYMENT_UPDATE: {
    deploymentName: string;
    generation: number;
    resourceVersion: string;
    restartedAt: string | null;
    /** What stood there before, and what stands there now; absent in records from before they were told. */
    resourceVersionBefore?: string | null;
    imageBefore?: string;
    imageAfter?: string;
  };
  DEPLOYMENT_CREATE: { deploymentName: string; generation: number; resourceVersion: string };
  REPLICASET_CREATE: { replicaSet: string; revision: number };
  POD_CHANGES: { newPods: string[]; terminatedPods: string[]; newPodCount: number; terminatedPodCount: number };
  ROLLOUT_STATUS: {
    status: string;
    message: string;
    desired: number;
    updated: number;
    ready: number;
    available: number;
    old: number;
  };
  APPLICATION_REGISTER: {
    businessTags: BusinessTag[];
    owners: Owners;
    targets: Target[];
    /** Both absent in records from before they were told. */
    imageRepositories?: string[];
    manifestHash?: string | null;
    isNew: boolean;
    /** What was registered until then; absent in records from before it was told. */
    registrationBefore?: RegistrationFact | null;
  };
  /** `registrationBefore` is absent in records from before it was told. */
  APPLICATION_UNREGISTER: { reason: string | null; registrationBefore?: RegistrationFact };
  REQUEST_REFUSE: {
    request: string;
    code: string;
    reason: string;
    count: number;
    /** Absent in records from before it was told. */
    clientAddress?: string | null;
  };
  /** Written before anything is handed out; filter as it was asked for, and lastId what stood last in the record. */
  AUDIT_EXPORT: { exportId: string; format: string; filter: object; after: string | null; lastId: string | null };
  /** What was handed out, up to lastId; an export without one was cut off with its process. */
  AUDIT_EXPORT_END: { exportId: string; rows: number; lastId: string | null; isComplete: boolean };
  /** Every record through this one, with all seals through this one, is gone from the database. `by`: the database's role. */
  AUDIT_PRUNE: {
    throughRecord: number;
    throughSeal: number;
    recordedBefore: string;
    records: number;
    by: string;
    reason: string;
  };
  /** Checkpoints are signed with another key from then on; null: with none. */
  AUDIT_KEY_CHANGE: { keyId: string | null; previousKeyId: string | null };
};

/** An application as it stands in the registry. */
export type RegistrationFact = {
  businessTags: BusinessTag[];
  owners: Owners;
  targets: Target[];
  imageRepositories: string[];
  manifestHash: string | null;
};

export type AuditKind = keyof AuditData;
export type AuditFact<K extends AuditKind = AuditKind> = { [Kind in K]: { kind: Kind } & AuditData[Kind] }[K];

export const auditKindLevels: Readonly<Record<AuditKind, AuditLevel>> = {
  TICKET_CREATE: 'TICKET',
  TICKET_APPROVE: 'TICKET',
  TICKET_REJECT: 'TICKET',
  TICKET_CANCEL: 'TICKET',
  TICKET_EXPIRE: 'TICKET',
  TICKET_COMPLETE: 'TICKET',
  TICKET_FAIL: 'TICKET',
  TICKET_BREAK_GLASS: 'TICKET',
  TICKET_REVIEW: 'TICKET',
  TICKET_COMPLETE_REQUEST: 'TICKET',
  ENTRY_CREATE: 'ENTRY',
  ENTRY_PROCESS: 'ENTRY',
  ENTRY_SUCCESS: 'ENTRY',
  ENTRY_FAILED: 'ENTRY',
  TOKEN_CREATE: 'TOKEN',
  TOKEN_USE: 'TOKEN',
  TOKEN_EXPIRE: 'TOKEN',
  TOKEN_USED_UP: 'TOKEN',
  TOKEN_REVOKE: 'TOKEN',
  TOKEN_RESTORE: 'TOKEN',
  TOKEN_STRAY: 'TOKEN',
  REDEPLOY_START: 'OPERATION',
  REDEPLOY_PROGRESS: 'OPERATION',
  REDEPLOY_SUCCESS: 'OPERATION',
  REDEPLOY_FAILED: 'OPERATION',
  REDEPLOY_LATE_SUCCESS: 'OPERATION',
  OPERATION_TAKE_OVER: 'OPERATION',
  DEPLOYMENT_UPDATE: 'KUBERNETES',
  DEPLOYMENT_CREATE: 'KUBERNETES',
  REPLICASET_CREATE: 'KUBERNETES',
  POD_CHANGES: 'KUBERNETES',
  ROLLOUT_STATUS: 'KUBERNETES',
  APPLICATION_REGISTER: 'SERVICE',
  APPLICATION_UNREGISTER: 'SERVICE',
  REQUEST_REFUSE: 'SERVICE',
  AUDIT_EXPORT: 'SERVICE',
  AUDIT_EXPORT_END: 'SERVICE',
  AUDIT_PRUNE: 'SERVICE',
  AUDIT_KEY_CHANGE: 'SERVICE',
};
export const auditKinds = Object.keys(auditKindLevels) as AuditKind[];

const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));

const messages: { [K in AuditKind]: (data: AuditData[K], subject: string) => string } = {
  TICKET_CREATE: (d) => `asked for an emergency redeploy of ${list(d.applications)} (${d.category}): ${d.reason}`,
  TICKET_APPROVE: (d) => {
    // With groups it may take more people than the fewest who could fulfil the policy.
    const missing = d.missing?.some((one) => one.includes(' of ')) ? ` (missing ${list(d.missing)})` : '';
    const required = Math.max(d.approvals, d.approvalsRequired);
    return `approved, ${d.approvals} of ${required}${missing}${d.comment ? `: ${d.comment}` : ''}`;
  },
  TICKET_REJECT: (d) => `rejected${d.comment ? `: ${d.comment}` : ''}`,
  TICKET_CANCEL: (d) => `cancelled${d.reason ? `: ${d.reason}` : ''}`,
  TICKET_EXPIRE: (d) => `expired: nobody decided until ${d.decideBy}`,
  TICKET_COMPLETE: (d) => `completed, ${d.result}${d.summary ? `: ${d.summary}` : ''}`,
  TICKET_FAIL: (d) => `failed: ${d.reason}`,
  TICKET_BREAK_GLASS: (d) => `broke the glass, approval missing of ${list(d.missing)}: ${d.reason}`,
  TICKET_REVIEW: (d) => `reviewed the broken glass: ${d.comment}`,
  TICKET_COMPLETE_REQUEST: (d) => `asked to complete it${d.summary ? `: ${d.summary}` : ''}`,
  ENTRY_CREATE: (d, s) => `entry for ${s}, tagged ${list(d.businessTags.map((t) => `${t.tagKey}:${t.tagValue}`))}`,
  ENTRY_PROCESS: (d, s) => `redeploy of ${s} granted until ${d.expires}`,
  ENTRY_SUCCESS: (d, s) => `token for ${s} issued, valid until ${d.expires}`,
  ENTRY_FAILED: (d, s) => `no token for ${s}: ${d.reason}`,
  TOKEN_CREATE: (d, s) =>
    `token for ${s} created, valid until ${d.expires}${d.runningTicketNo ? `, beside that of ticket ${d.runningTicketNo}` : ''}`,
  TOKEN_USE: (_, s) => `token for ${s} used`,
  TOKEN_EXPIRE: (d, s) => `token for ${s} expired at ${d.expires}`,
  TOKEN_USED_UP: (d, s) => `token for ${s} used up: ${d.uses} of ${d.uses} uses`,
  TOKEN_REVOKE: (d, s) => `token for ${s} revoked: ${d.reason}`,
  TOKEN_RESTORE: (d, s) => `token for ${s} written to Redis again, valid until ${d.expires}`,
  TOKEN_STRAY: (d, s) => `token of ${d.user} for ${s} removed from Redis: ${d.reason}`,
  REDEPLOY_START: (d, s) =>
    `redeploy of ${s} started (${d.type}${d.change ? ` ${d.change}` : ''}, ${d.strategy})${d.reason ? `: ${d.reason}` : ''}`,
  REDEPLOY_PROGRESS: (d, s) => `redeploy of ${s} is ${d.status}: ${d.message}`,
  REDEPLOY_SUCCESS: (d, s) => `redeploy of ${s} completed in ${d.durationSeconds} s`,
  REDEPLOY_FAILED: (d, s) => `redeploy of ${s} ended ${d.status} after ${d.durationSeconds} s: ${d.errorMessage}`,
  REDEPLOY_LATE_SUCCESS: (d, s) => `redeploy of ${s}, ${d.verdict} before, came up after all`,
  OPERATION_TAKE_OVER: (d, s) => `redeploy of ${s} is followed by ${d.follower} now`,
  DEPLOYMENT_UPDATE: (d) =>
    `Deployment ${d.deploymentName} ${d.restartedAt ? 'restarted' : 'rolled back'}, generation ${d.generation}`,
  DEPLOYMENT_CREATE: (d) => `Deployment ${d.deploymentName} created, generation ${d.generation}`,
  REPLICASET_CREATE: (d) => `ReplicaSet ${d.replicaSet} is revision ${d.revision}`,
  POD_CHANGES: (d) =>
    `${d.newPodCount} new pods: ${list(d.newPods)}; ${d.terminatedPodCount} terminated: ${list(d.terminatedPods)}`,
  ROLLOUT_STATUS: (d) => d.message,
  APPLICATION_REGISTER: (d, s) =>
    `application ${s} ${d.isNew ? 'registered' : 'changed'}, ${list(d.targets.map((t) => `${t.cluster}/${t.namespace}/${t.deploymentName}`))}`,
  APPLICATION_UNREGISTER: (d, s) => `application ${s} unregistered${d.reason ? `: ${d.reason}` : ''}`,
  AUDIT_EXPORT: (d) =>
    `export of the record as ${d.format} from behind ${d.after ?? 'its beginning'} to ${d.lastId ?? 'there'}, ${JSON.stringify(d.filter)}`,
  AUDIT_EXPORT_END: (d) =>
    `export of ${d.rows} records ${d.isComplete ? 'completed' : 'broke off'}${d.lastId ? ` at ${d.lastId}` : ''}`,
  REQUEST_REFUSE: (d) => `${d.request} refused, ${d.code}: ${d.reason}`,
  AUDIT_PRUNE: (d) =>
    `${d.by} pruned ${d.records} records, through ${d.throughRecord} of seal ${d.throughSeal}: ${d.reason}`,
  AUDIT_KEY_CHANGE: (d) =>
    d.keyId === null ? 'checkpoints are not signed any more' : `checkpoints are signed with key ${d.keyId}`,
};

/** One readable sentence without its subject: who and what stand beside it. */
export function describeFact<K extends AuditKind>(fact: AuditFact<K>, applicationName: string | null): string {
  const message = messages[fact.kind] as (data: AuditFact<K>, subject: string) => string;
  return message(fact, applicationName ?? 'the application');
}
