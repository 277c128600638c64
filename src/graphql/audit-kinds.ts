import type { AuditKind } from '../domain/audit-facts.ts';

/** Each kind's object type and what it tells. The first 18 are the guide's. */
export const auditKindTexts: Record<AuditKind, { type: string; description: string }> = {
  TICKET_CREATE: { type: 'TicketCreated', description: 'A ticket was created.' },
  TICKET_APPROVE: { type: 'TicketApproved', description: 'A person approved a ticket.' },
  TICKET_COMPLETE: { type: 'TicketCompleted', description: 'A ticket was completed.' },
  ENTRY_CREATE: { type: 'EntryCreated', description: 'An entry was created with its ticket.' },
  ENTRY_PROCESS: { type: 'EntryProcessed', description: 'The redeploy of an entry was granted.' },
  ENTRY_SUCCESS: { type: 'EntrySucceeded', description: "An entry's token was issued." },
  ENTRY_FAILED: { type: 'EntryFailed', description: "An entry's token could not be issued." },
  TOKEN_CREATE: { type: 'TokenCreated', description: 'A token was written to Redis.' },
  TOKEN_USE: { type: 'TokenUsed', description: 'A token was used for a redeploy.' },
  TOKEN_EXPIRE: { type: 'TokenExpired', description: 'A token expired.' },
  REDEPLOY_START: {
    type: 'RedeployStarted',
    description: 'A redeploy was stored, before anything was sent to Kubernetes.',
  },
  REDEPLOY_PROGRESS: { type: 'RedeployProgressed', description: 'A redeploy reached another status.' },
  REDEPLOY_SUCCESS: { type: 'RedeploySucceeded', description: 'A redeploy was completed and verified.' },
  REDEPLOY_FAILED: { type: 'RedeployFailed', description: 'A redeploy failed, timed out or was superseded.' },
  DEPLOYMENT_UPDATE: { type: 'DeploymentUpdated', description: 'Kubernetes took the change.' },
  REPLICASET_CREATE: { type: 'ReplicaSetCreated', description: 'The ReplicaSet of the new template was seen.' },
  POD_CHANGES: { type: 'PodsChanged', description: 'Which pods came and went, told once at the end.' },
  ROLLOUT_STATUS: {
    type: 'RolloutStatusChanged',
    description: 'The rollout as Kubernetes showed it when the status changed.',
  },
  TICKET_REJECT: { type: 'TicketRejected', description: 'A person rejected a ticket.' },
  TICKET_CANCEL: { type: 'TicketCancelled', description: 'The requester took a ticket back.' },
  TICKET_EXPIRE: { type: 'TicketExpired', description: 'Nobody decided a ticket in time.' },
  TICKET_FAIL: {
    type: 'TicketFailed',
    description: 'The tokens of an approved ticket could not be issued; they are void.',
  },
  TICKET_BREAK_GLASS: {
    type: 'TicketGlassBroken',
    description: 'The requester took the tokens of a ticket without the approvals that it needed.',
  },
  TICKET_REVIEW: { type: 'TicketReviewed', description: 'Somebody else reviewed a broken glass.' },
  TICKET_COMPLETE_REQUEST: {
    type: 'TicketCompletionRequested',
    description: 'The requester asked to complete a ticket; its tokens ended then.',
  },
  TOKEN_USED_UP: { type: 'TokenUsedUp', description: 'The last use of a token was spent for good.' },
  TOKEN_REVOKE: { type: 'TokenRevoked', description: 'A token was revoked before it expired.' },
  TOKEN_RESTORE: {
    type: 'TokenRestored',
    description: 'A missing or stale token was written to Redis again, from its grant.',
  },
  TOKEN_STRAY: { type: 'TokenStrayed', description: 'A token without a live grant was found in Redis and deleted.' },
  OPERATION_TAKE_OVER: {
    type: 'OperationTakenOver',
    description: 'Another process follows an operation from then on.',
  },
  REDEPLOY_LATE_SUCCESS: {
    type: 'RedeploySucceededLate',
    description: 'A rollout that had timed out or failed came up after all; the verdict stays.',
  },
  DEPLOYMENT_CREATE: { type: 'DeploymentCreated', description: 'A missing Deployment was created from its manifest.' },
  APPLICATION_REGISTER: {
    type: 'ApplicationRegistered',
    description: 'An application was registered or its registration replaced.',
  },
  APPLICATION_UNREGISTER: {
    type: 'ApplicationUnregistered',
    description: 'An application was taken out of the registry.',
  },
  REQUEST_REFUSE: { type: 'RequestRefused', description: 'A request of a signed-in person was refused.' },
  AUDIT_EXPORT: { type: 'AuditExported', description: 'An export of the record was asked for; it begins then.' },
  AUDIT_EXPORT_END: {
    type: 'AuditExportEnded',
    description: 'An export of the record was handed out, or broke off.',
  },
  AUDIT_PRUNE: {
    type: 'AuditPruned',
    description: "Old records were deleted by the database's owner, behind a checkpoint that was kept outside.",
  },
  AUDIT_KEY_CHANGE: {
    type: 'AuditKeyChanged',
    description: 'Checkpoints are signed with another key from then on, or with none: a replica started so.',
  },
};
