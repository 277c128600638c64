import { expect, test } from 'vitest';
import { auditKindLevels, auditKinds, auditLevels, describeFact } from '../../src/domain/audit-facts.ts';

/** Every property that some kind of fact has. */
const everything = {
  category: 'BUG_FIX',
  reason: 'why',
  applications: ['web-service', 'api-gateway'],
  approvals: 1,
  approvalsRequired: 2,
  comment: 'go',
  result: 'SUCCEEDED',
  summary: 'well again',
  businessTags: [{ tagKey: 'env', tagValue: 'production' }],
  targets: [{ cluster: 'main', clusterUid: 'uid', namespace: 'production', deploymentName: 'web' }],
  owners: { users: ['alice'], groups: [] },
  isNew: true,
  expectedEffect: 'no more 500',
  rollbackPlan: 'undo',
  decideBy: '2025-08-23T10:00:00.000Z',
  expires: '2025-08-22T12:00:00.000Z',
  user: 'alice',
  verdict: 'TIMED_OUT',
  type: 'RESTART',
  deploymentName: 'web',
  strategy: 'RollingUpdate',
  previousImage: 'web:v1',
  previousReplicas: 3,
  currentImage: 'web:v1',
  currentReplicas: 3,
  status: 'PROGRESSING',
  message: 'as Kubernetes says',
  errorMessage: 'what went wrong',
  durationSeconds: 210,
  follower: 'replica-1',
  fence: 2,
  generation: 5,
  resourceVersion: '501',
  restartedAt: '2025-08-22T10:00:00Z',
  replicaSet: 'web-abc',
  revision: 5,
  newPods: ['web-abc-1'],
  terminatedPods: [],
  newPodCount: 1,
  terminatedPodCount: 0,
  desired: 3,
  updated: 3,
  ready: 3,
  available: 3,
  old: 0,
  request: 'redeploy',
  code: 'FORBIDDEN',
  count: 2,
  policy: { policies: [], breakGlassAfterMinutes: 15 },
  policyHash: 'abc',
  groups: ['sre'],
  missing: ['1 approver'],
  runningTicketNo: 'b2c3d4e5',
  uses: 3,
  resourceVersionBefore: '500',
  imageBefore: 'web:v1',
  imageAfter: 'web:v2',
  registrationBefore: null,
  records: 7,
  throughRecord: 7,
  throughSeal: 1,
  recordedBefore: '2025-01-01T00:00:00.000Z',
  by: 'cratos_owner',
  keyId: 'abc',
  previousKeyId: null,
  exportId: 'e-1',
  format: 'csv',
  filter: { username: 'alice' },
  after: '41',
  lastId: '99',
  rows: 58,
  isComplete: true,
};
const emptied = Object.fromEntries(
  Object.entries(everything).map(([key, value]) => {
    if (Array.isArray(value)) return [key, []];
    return [
      key,
      [
        'comment',
        'summary',
        'reason',
        'expectedEffect',
        'rollbackPlan',
        'runningTicketNo',
        'keyId',
        'after',
        'lastId',
      ].includes(key)
        ? null
        : value,
    ];
  }),
);

test.for(auditKinds)('%s is told in a sentence, with and without what may be missing', (kind) => {
  for (const [data, application] of [
    [everything, 'web-service'],
    [emptied, null],
  ] as const) {
    const message = describeFact({ kind, ...data }, application);
    expect(message).toMatch(/\S/);
    expect(message).not.toMatch(/undefined|NaN|\[object/);
  }
});

test('every kind has one of the levels', () => {
  expect(auditKinds.filter((kind) => !auditLevels.includes(auditKindLevels[kind]))).toEqual([]);
});

/** The guide's own kinds. */
test.for([
  ['TICKET_CREATE', 'TICKET', 'asked for an emergency redeploy of web-service, api-gateway (BUG_FIX): why'],
  ['TICKET_APPROVE', 'TICKET', 'approved, 1 of 2: go'],
  ['TICKET_COMPLETE', 'TICKET', 'completed, SUCCEEDED: well again'],
  ['ENTRY_CREATE', 'ENTRY', 'entry for web-service, tagged env:production'],
  ['ENTRY_PROCESS', 'ENTRY', 'redeploy of web-service granted until 2025-08-22T12:00:00.000Z'],
  ['ENTRY_SUCCESS', 'ENTRY', 'token for web-service issued, valid until 2025-08-22T12:00:00.000Z'],
  ['ENTRY_FAILED', 'ENTRY', 'no token for web-service: why'],
  [
    'TOKEN_CREATE',
    'TOKEN',
    'token for web-service created, valid until 2025-08-22T12:00:00.000Z, beside that of ticket b2c3d4e5',
  ],
  ['TOKEN_USE', 'TOKEN', 'token for web-service used'],
  ['TOKEN_EXPIRE', 'TOKEN', 'token for web-service expired at 2025-08-22T12:00:00.000Z'],
  ['REDEPLOY_START', 'OPERATION', 'redeploy of web-service started (RESTART, RollingUpdate): why'],
  ['REDEPLOY_PROGRESS', 'OPERATION', 'redeploy of web-service is PROGRESSING: as Kubernetes says'],
  ['REDEPLOY_SUCCESS', 'OPERATION', 'redeploy of web-service completed in 210 s'],
  ['REDEPLOY_FAILED', 'OPERATION', 'redeploy of web-service ended PROGRESSING after 210 s: what went wrong'],
  ['DEPLOYMENT_UPDATE', 'KUBERNETES', 'Deployment web restarted, generation 5'],
  ['REPLICASET_CREATE', 'KUBERNETES', 'ReplicaSet web-abc is revision 5'],
  ['POD_CHANGES', 'KUBERNETES', '1 new pods: web-abc-1; 0 terminated: none'],
  ['ROLLOUT_STATUS', 'KUBERNETES', 'as Kubernetes says'],
] as const)('%s is of level %s: %s', ([kind, level, message]) => {
  expect(auditKindLevels[kind]).toBe(level);
  expect(describeFact({ kind, ...everything }, 'web-service')).toBe(message);
});

test.for<[rule: string, approvals: number, required: number, missing: string[], message: string]>([
  ['of two the first', 1, 2, ['1 approver'], 'approved, 1 of 2'],
  ['the last', 2, 2, [], 'approved, 2 of 2'],
  ['one whose group is not the one that is missing', 1, 1, ['1 of sre'], 'approved, 1 of 1 (missing 1 of sre)'],
  ['more than the fewest that could have been enough', 2, 1, [], 'approved, 2 of 2'],
])('an approval tells how far it goes: %s', ([, approvals, approvalsRequired, missing, message]) => {
  const fact = { kind: 'TICKET_APPROVE', comment: null, approvals, approvalsRequired, missing } as const;
  expect(describeFact(fact, null)).toBe(message);
});

test.for([
  ['AUDIT_EXPORT', 'export of the record as csv from behind 41 to 99, {"username":"alice"}'],
  ['AUDIT_EXPORT_END', 'export of 58 records completed at 99'],
  ['AUDIT_PRUNE', 'cratos_owner pruned 7 records, through 7 of seal 1: why'],
  ['AUDIT_KEY_CHANGE', 'checkpoints are signed with key abc'],
] as const)('what is done with the record itself stands in it: %s', ([kind, message]) => {
  expect(auditKindLevels[kind]).toBe('SERVICE');
  expect(describeFact({ kind, ...everything }, null)).toBe(message);
});
