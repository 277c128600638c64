import type { AuditData, AuditKind, RegistrationFact } from '../domain/audit-facts.ts';
import { outcomeOf } from '../domain/audit-outcomes.ts';
import type { AuditRow } from '../operations/reads.ts';
import { BusinessTagType, OwnersType, TargetType } from './application.ts';
import { RegistrationType } from './application-registration.ts';
import { AuditKindEnum, AuditLevelEnum, AuditOutcomeEnum } from './audit-enums.ts';
import { builder } from './builder.ts';
import { operationGlobalId } from './ids.ts';
import { auditKindTexts } from './audit-kinds.ts';
import { TicketType } from './ticket-ref.ts';

export const AuditRecordType = builder.interfaceRef<AuditRow>('AuditRecord').implement({
  description:
    'One fact, append-only: who, when, on what, with what outcome; each kind is a type of its own with its own fields.',
  resolveType: (record) => auditKindTexts[record.kind].type,
  fields: (t) => ({
    id: t.id({ description: "The record's number.", resolve: (record) => record.id }),
    level: t.field({ type: AuditLevelEnum, description: 'What it is about.', resolve: (record) => record.level }),
    kind: t.field({ type: AuditKindEnum, description: 'What happened.', resolve: (record) => record.kind }),
    at: t.field({ type: 'DateTime', description: "When, by PostgreSQL's clock.", resolve: (record) => record.at }),
    username: t.exposeString('username', {
      nullable: true,
      description: "Whose act; of an operation's records the one who redeployed. Null for the service's own acts.",
    }),
    address: t.exposeString('address', {
      nullable: true,
      description:
        "From which client address it was asked for; null for the service's own acts and where it is not known.",
    }),
    ticketNo: t.exposeString('ticketNo', {
      nullable: true,
      description: 'Of which ticket; null where it belongs to none.',
    }),
    applicationName: t.exposeString('applicationName', {
      nullable: true,
      description: 'On which application; null where it concerns none or several.',
    }),
    operationId: t.id({
      nullable: true,
      description: 'Of which operation; null where it belongs to none.',
      resolve: (record) => (record.operationId === null ? null : operationGlobalId(record.operationId)),
    }),
    cluster: t.exposeString('cluster', {
      nullable: true,
      description: 'In which cluster; null where it concerns none.',
    }),
    namespace: t.exposeString('namespace', {
      nullable: true,
      description: 'In which namespace; null where it concerns none.',
    }),
    outcome: t.field({
      type: AuditOutcomeEnum,
      nullable: true,
      description: 'What came of it; null for a step, and for an end that is neither good nor bad.',
      resolve: outcomeOf,
    }),
    ticket: t.field({
      type: TicketType,
      nullable: true,
      description: 'The ticket that it belongs to; null where it belongs to none.',
      resolve: (record, _, ctx) => (record.ticketId === null ? null : ctx.loaders().ticket.load(record.ticketId)),
    }),
    message: t.exposeString('message', { description: 'The fact as a sentence without its subject.' }),
    sequence: t.exposeInt('sequence', {
      nullable: true,
      description: '1, 2, 3 … within the ticket; null where it belongs to none.',
    }),
    hash: t.exposeString('hash', {
      description: 'SHA-256, hexadecimal, over the canonical JSON (RFC 8785) of the record with previousHash.',
    }),
    previousHash: t.exposeString('previousHash', {
      nullable: true,
      description: "The hash of the ticket's record before it; null for the first.",
    }),
  }),
});

export const AuditRecordConnection = builder.connectionObject(
  { type: AuditRecordType, name: 'AuditRecordConnection', description: 'A page of records.' },
  { name: 'AuditRecordEdge', description: 'A record in its list.' },
);

/** A fact's message is the record's own. */
type FieldName<K extends AuditKind> = Exclude<keyof AuditData[K] & string, 'message'>;
export type FieldKind =
  | 'string'
  | 'stringOrNull'
  | 'int'
  | 'strings'
  | 'boolean'
  | 'tags'
  | 'targets'
  | 'owners'
  | 'registrationOrNull'
  | 'jsonOrNull';
type FieldTexts<K extends AuditKind> = { [F in FieldName<K>]: [kind: FieldKind, description: string] };

/** One object type for a kind, with the kind's own data as typed fields. */
export function kindType<K extends AuditKind>(kind: K, fields: FieldTexts<K>): void {
  const { type, description } = auditKindTexts[kind];
  builder.objectRef<AuditRow>(type).implement({
    interfaces: [AuditRecordType],
    description,
    isTypeOf: (value) => (value as AuditRow).kind === kind,
    fields: (t) => {
      const field = (name: FieldName<K>, [as, text]: [FieldKind, string]) => {
        const value = (record: AuditRow) => (record.data as AuditData[K])[name];
        switch (as) {
          case 'int':
            return t.int({ description: text, resolve: (record) => value(record) as number });
          case 'boolean':
            return t.boolean({ description: text, resolve: (record) => value(record) as boolean });
          case 'strings':
            return t.stringList({ description: text, resolve: (record) => (value(record) ?? []) as string[] });
          case 'stringOrNull':
            return t.string({ nullable: true, description: text, resolve: (record) => value(record) as string | null });
          case 'tags':
            return t.field({ type: [BusinessTagType], description: text, resolve: (record) => value(record) as never });
          case 'targets':
            return t.field({ type: [TargetType], description: text, resolve: (record) => value(record) as never });
          case 'jsonOrNull':
            return t.field({
              type: 'JSONObject',
              nullable: true,
              description: text,
              resolve: (record) => value(record) as object | null,
            });
          case 'registrationOrNull':
            return t.field({
              type: RegistrationType,
              nullable: true,
              description: text,
              resolve: (record) => value(record) as RegistrationFact | null,
            });
          case 'owners':
            return t.field({ type: OwnersType, description: text, resolve: (record) => value(record) as never });
          default:
            return t.string({ description: text, resolve: (record) => value(record) as string });
        }
      };
      return Object.fromEntries(
        Object.entries(fields).map(([name, texts]) => [
          name,
          field(name as FieldName<K>, texts as [FieldKind, string]),
        ]),
      );
    },
  });
}

const comment = ['stringOrNull', 'What the person said to it; null when nothing.'] satisfies [FieldKind, string];
const expires = ['string', 'Until when the token is valid, ISO 8601.'] satisfies [FieldKind, string];
// Nullable for every kind, though some always have one: fields of one name must be of one type to be asked for together.
export const reason = ['stringOrNull', 'Why; null when not said.'] satisfies [FieldKind, string];
export const number = (text: string): [FieldKind, string] => ['int', text];
export const text = (description: string): [FieldKind, string] => ['string', description];

export const manifestHash = [
  'stringOrNull',
  'SHA-256, hexadecimal, over the canonical JSON (RFC 8785) of the manifest; null where there was none.',
] satisfies [FieldKind, string];

const missing = ['strings', 'Whose approval was still missing then: "1 of sre", "1 approver".'] satisfies [
  FieldKind,
  string,
];
const images = "The containers' images, in order, comma-separated.";

const summary = ['stringOrNull', "In the requester's words; null when not said."] satisfies [FieldKind, string];

kindType('TICKET_CREATE', {
  category: text('Why it was asked for.'),
  reason,
  applications: ['strings', 'For which applications.'],
  approvalsRequired: number('At least how many people had to approve.'),
  policy: ['jsonOrNull', 'The approval policy that applied, as it stood; null in records from before there were any.'],
  policyHash: [
    'stringOrNull',
    'SHA-256, hexadecimal, over the canonical JSON (RFC 8785) of policy; null where there was none.',
  ],
});
kindType('TICKET_APPROVE', {
  comment,
  approvals: number('With this one.'),
  approvalsRequired: number('Out of at least so many.'),
  groups: ['strings', "Of the policy's groups those that the person was in."],
  missing,
});
kindType('TICKET_REJECT', { comment });
kindType('TICKET_COMPLETE', {
  result: text('What it led to.'),
  summary,
});
kindType('TICKET_CANCEL', { reason });
kindType('TICKET_EXPIRE', { decideBy: text('Until when it could be decided, ISO 8601.') });
kindType('TICKET_FAIL', { reason });
kindType('TICKET_BREAK_GLASS', { reason, missing });
kindType('TICKET_REVIEW', { comment });
kindType('TICKET_COMPLETE_REQUEST', { summary });
kindType('ENTRY_CREATE', {
  businessTags: ['tags', 'Tags as they stood.'],
  targets: ['targets', 'Targets as they stood.'],
  manifestHash,
  expectedEffect: ['stringOrNull', 'What the requester expected; null when not said.'],
  rollbackPlan: ['stringOrNull', 'What the requester would do if it went wrong; null when not said.'],
});
kindType('ENTRY_PROCESS', { expires });
kindType('ENTRY_SUCCESS', { expires });
kindType('ENTRY_FAILED', { reason });
kindType('TOKEN_CREATE', {
  expires,
  runningTicketNo: [
    'stringOrNull',
    "The ticket whose token for the same application was the person's already and runs on; null where there was none.",
  ],
});
kindType('TOKEN_USED_UP', { uses: number('How often it was used.') });
kindType('TOKEN_USE', { expires });
kindType('TOKEN_EXPIRE', { expires });
kindType('TOKEN_REVOKE', { reason });
kindType('TOKEN_RESTORE', { expires });
kindType('TOKEN_STRAY', { user: text('Whose key it was.'), reason });
kindType('REDEPLOY_START', {
  type: text('RESTART, IMAGE_UPDATE, ROLLBACK or CREATE.'),
  change: ['stringOrNull', 'Of an image update the images, of a rollback the revision; null otherwise.'],
  reason,
  deploymentName: text('The Deployment.'),
  strategy: text('Its strategy.'),
  previousImage: text(images),
  previousReplicas: number('spec.replicas.'),
});
kindType('REDEPLOY_PROGRESS', { status: text('The rollout status.') });
kindType('REDEPLOY_SUCCESS', {
  durationSeconds: number('Seconds from start to end.'),
  currentImage: text(images),
  currentReplicas: number('spec.replicas.'),
});
kindType('REDEPLOY_FAILED', {
  status: text('FAILED, TIMED_OUT or SUPERSEDED.'),
  errorMessage: text("Why, in Kubernetes' words where it has some."),
  durationSeconds: number('Seconds from start to end.'),
});
kindType('REDEPLOY_LATE_SUCCESS', { verdict: text('The verdict, which stays: TIMED_OUT or FAILED.') });
kindType('OPERATION_TAKE_OVER', {
  follower: text('The process that follows it from then on.'),
  fence: number('1 for the first process that followed it, one more for each that took it over.'),
});
kindType('DEPLOYMENT_UPDATE', {
  deploymentName: text('The Deployment.'),
  generation: number('metadata.generation after the change.'),
  resourceVersion: text('metadata.resourceVersion after the change.'),
  restartedAt: [
    'stringOrNull',
    'The annotation kubectl.kubernetes.io/restartedAt; null for a rollback, which sets none.',
  ],
  resourceVersionBefore: [
    'stringOrNull',
    'metadata.resourceVersion that the change was conditional on; null in records from before it was told.',
  ],
  imageBefore: ['stringOrNull', `${images} Before the change; null in records from before it was told.`],
  imageAfter: ['stringOrNull', `${images} After the change; null in records from before it was told.`],
});
kindType('DEPLOYMENT_CREATE', {
  deploymentName: text('The Deployment.'),
  generation: number('metadata.generation after the creation.'),
  resourceVersion: text('metadata.resourceVersion after the creation.'),
});
kindType('REPLICASET_CREATE', { replicaSet: text('The new ReplicaSet.'), revision: number('Its revision.') });
kindType('POD_CHANGES', {
  newPods: ['strings', 'Names of new pods, at most 100.'],
  newPodCount: number('How many.'),
  terminatedPods: ['strings', 'Names of old pods that are gone, at most 100.'],
  terminatedPodCount: number('How many.'),
});
kindType('ROLLOUT_STATUS', {
  status: text('The rollout status.'),
  desired: number('spec.replicas.'),
  updated: number('Pods of the new template.'),
  ready: number('New pods that are ready.'),
  available: number('Available pods, old and new.'),
  old: number('Old pods that are still there.'),
});
