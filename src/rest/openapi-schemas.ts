import { auditKinds, auditLevels } from '../domain/audit-facts.ts';
import { auditOutcomes } from '../domain/audit-outcomes.ts';
import { errorStatus } from '../domain/errors.ts';
import { redeployTypes } from '../domain/operation.ts';
import { rolloutStatuses } from '../domain/rollout.ts';
import type { auditLine } from './audit-lines.ts';
import type { operationResource } from './operation-resource.ts';
import type { bodyFields } from './requests.ts';

type Operation = ReturnType<typeof operationResource>;
type AuditLine = ReturnType<typeof auditLine>;

const string = (description: string) => ({ type: 'string', description });
const count = (description: string) => ({ type: 'integer', minimum: 0, description });
const instant = (description: string) => ({ type: 'string', format: 'date-time', description });
const list = (description: string, items: object) => ({ type: 'array', description, items });
const orNull = <Schema extends { type: string }>(schema: Schema) => ({ ...schema, type: [schema.type, 'null'] });
const whole = <Properties extends object>(description: string, properties: Properties) => ({
  type: 'object',
  description,
  properties,
  required: Object.keys(properties),
});

const containerImage = whole('An image for a container.', {
  container: string("The container's name."),
  image: string('repository[:tag][@digest].'),
});

const bodyProperties: Record<(typeof bodyFields)[number], object> = {
  cluster: { ...orNull(string('The name of a kubeconfig context.')), minLength: 1, maxLength: 253 },
  namespace: { ...orNull(string('The namespace.')), minLength: 1, maxLength: 63 },
  deploymentName: { ...orNull(string('The Deployment.')), minLength: 1, maxLength: 253 },
  strategy: {
    enum: ['RollingUpdate', 'Recreate', null],
    description: "What the caller believes the Deployment's strategy to be; 409 where it is another.",
  },
  reason: { ...orNull(string('Why, for the record.')), minLength: 1, maxLength: 2000 },
  images: {
    ...orNull(list('The containers that get another image; not together with rollbackTo.', containerImage)),
    minItems: 1,
    maxItems: 50,
  },
  rollbackTo: {
    type: ['object', 'null'],
    description: 'Back to an older revision; an empty object: the one before the present.',
    properties: { revision: { type: ['integer', 'null'], minimum: 1, description: 'As the history lists it.' } },
  },
};

const operation: Record<keyof Operation, object> = {
  id: { type: 'string', format: 'uuid', description: 'Its id, as it stands on the Kubernetes object too.' },
  globalId: string("Its id in GraphQL's terms, opaque; GraphQL takes either."),
  ticketId: count('The ticket that allowed it.'),
  ticketEntryId: count('The entry that allowed it.'),
  username: string('Who did it.'),
  applicationName: string('To which application.'),
  cluster: string('In which cluster: the name of a kubeconfig context.'),
  namespace: string('In which namespace.'),
  deploymentName: string('To which Deployment.'),
  reason: orNull(string('Why, in the words of whoever did it; null when not said.')),
  type: { enum: redeployTypes, description: 'What it changes.' },
  images: orNull(list('Of an image update what was asked for; null otherwise.', containerImage)),
  rollbackTo: orNull(count('Of a rollback the revision whose template was wanted; null otherwise.')),
  warnings: list(
    'What was risky about it.',
    whole('Something risky about a redeploy that does not forbid it.', {
      reason: string('One word; the same for the same risk.'),
      message: string('What is risky.'),
      advice: string('What to do about it.'),
    }),
  ),
  firstPodSeconds: orNull(count('Seconds from start to the first new pod, rounded; null before.')),
  availableSeconds: orNull(count('Seconds from start to when Kubernetes called the rollout done; null before.')),
  succeededLateAt: orNull(instant('When it came up after all, the verdict notwithstanding; null otherwise.')),
  previousImage: string("The containers' images before, in order, comma-separated."),
  currentImage: orNull(string("The containers' images after; null until Kubernetes has the change.")),
  previousReplicas: count('spec.replicas before.'),
  currentReplicas: orNull(count('spec.replicas after; null until Kubernetes has the change.')),
  rolloutStrategy: string("The Deployment's strategy: RollingUpdate or Recreate."),
  revision: orNull(count('The revision that it made; null until the new ReplicaSet is seen.')),
  operationStartTime: instant('When it was stored.'),
  operationEndTime: orNull(instant('When it ended; null before.')),
  durationSeconds: orNull(count('Seconds from start to end, rounded; null before.')),
  lastUpdateTime: instant('When its state was last recorded.'),
  success: orNull({ type: 'boolean', description: 'Whether it was COMPLETED; null before its end.' }),
  errorMessage: orNull(string("Why it was not, in Kubernetes' words where it has some; null otherwise.")),
  rolloutStatus: { enum: rolloutStatuses, description: 'Where it stands; the first three are not the end.' },
  newPods: list('Names of the new pods, at most 100.', { type: 'string' }),
  terminatedPods: list('Names of old pods that are really gone, at most 100.', { type: 'string' }),
  failures: list('What is wrong with new pods.', { $ref: '#/components/schemas/PodFailure' }),
};

const podFailure: Record<keyof Operation['failures'][number], object> = {
  pod: orNull(string("The pod's name; null where Kubernetes could not create one.")),
  container: orNull(string('The container, init containers too; null where the whole pod is concerned.')),
  reason: string("Kubernetes' reason, such as ImagePullBackOff."),
  message: string("Kubernetes' message."),
  exitCode: orNull({ type: 'integer', description: 'Of the last run; null where it has not ended.' }),
  restarts: count('How often the container was restarted.'),
  since: orNull(instant('Since when it is seen; null in records from before it was kept.')),
  log: orNull(string("The last lines of the crashed container's log; null where the API gives none.")),
  advice: string('What to check first.'),
  doomed: { type: 'boolean', description: 'True: it will not become ready by waiting. False: a warning.' },
};

const auditRecord: Record<keyof AuditLine, object> = {
  id: { type: 'string', pattern: '^\\d+$', description: 'Its number: what after takes to go on behind it.' },
  ticketId: orNull(count('The ticket that it belongs to; null where it belongs to none.')),
  sequence: orNull(count('1, 2, 3 … within the ticket; null where it belongs to none.')),
  level: { enum: auditLevels, description: 'What it is about.' },
  kind: { enum: auditKinds, description: 'What happened.' },
  at: instant("When, by PostgreSQL's clock."),
  issuer: orNull(string('Who signed the person in; null for an act of the service.')),
  subject: orNull(string("The person's identity at the issuer; null for an act of the service.")),
  username: orNull(string("Whose act; null for the service's own.")),
  address: orNull(string("From which client address; null for the service's own and where it is not known.")),
  ticketNo: orNull(string('Of which ticket; null where it belongs to none.')),
  applicationName: orNull(string('On which application; null where it concerns none or several.')),
  operationId: orNull({ type: 'string', format: 'uuid', description: 'Of which operation; null for none.' }),
  cluster: orNull(string('In which cluster; null where it concerns none.')),
  namespace: orNull(string('In which namespace; null where it concerns none.')),
  message: string('The fact as a sentence without its subject.'),
  outcome: { enum: [...auditOutcomes, null], description: 'What came of it; null for a step. Not part of the hash.' },
  data: { type: 'object', description: 'What the kind tells beside; its fields are those of its type in GraphQL.' },
  previousHash: orNull(string("The hash of the ticket's record before it; null for the first.")),
  hash: string('SHA-256, hexadecimal, over the canonical JSON (RFC 8785) of all but id, outcome and hash.'),
};

const problem = {
  type: { type: 'string', format: 'uri-reference', description: 'Where the code is explained, or about:blank.' },
  title: string('The kind of problem.'),
  status: { type: 'integer', description: 'The status of the answer.' },
  detail: string('What was wrong this time, for the person who asked.'),
  code: {
    enum: [...Object.keys(errorStatus), 'INTERNAL_SERVER_ERROR'],
    description: 'What a script should look at; the same codes as in GraphQL.',
  },
  advice: string('What to do next.'),
  fields: list('The members, parameters or headers at fault.', { type: 'string' }),
  retryAfterSeconds: count('After so many seconds the same request may be let through; as in Retry-After.'),
};

export const schemas = {
  RedeployRequest: {
    type: 'object',
    description: 'The target may be left out as far as the application has only one.',
    properties: bodyProperties,
    additionalProperties: false,
  },
  Operation: whole('One redeployment and its record.', operation),
  PodFailure: whole('Why a new pod does not come up.', podFailure),
  AuditRecord: whole('One record, on a line of its own.', auditRecord),
  Problem: {
    ...whole('An error in the form of RFC 9457.', problem),
    required: ['type', 'title', 'status', 'detail', 'code'],
  },
};
