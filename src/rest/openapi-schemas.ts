import { errorStatus } from '../domain/errors.ts';
import { rolloutStatuses } from '../domain/rollout.ts';
import type { operationResource } from './operation-resource.ts';
import type { bodyFields } from './requests.ts';

type Operation = ReturnType<typeof operationResource>;

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

const bodyProperties: Record<(typeof bodyFields)[number], object> = {
  cluster: { ...orNull(string('The name of a kubeconfig context.')), minLength: 1, maxLength: 253 },
  namespace: { ...orNull(string('The namespace.')), minLength: 1, maxLength: 63 },
  deploymentName: { ...orNull(string('The Deployment.')), minLength: 1, maxLength: 253 },
  strategy: {
    enum: ['RollingUpdate', 'Recreate', null],
    description: "What the caller believes the Deployment's strategy to be; 409 where it is another.",
  },
  reason: { ...orNull(string('Why, for the record.')), minLength: 1, maxLength: 2000 },
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
  pod: string("The pod's name."),
  container: orNull(string('The container, init containers too; null where the whole pod is concerned.')),
  reason: string("Kubernetes' reason, such as ImagePullBackOff."),
  message: string("Kubernetes' message."),
  exitCode: orNull({ type: 'integer', description: 'Of the last run; null where it has not ended.' }),
  restarts: count('How often the container was restarted.'),
  doomed: { type: 'boolean', description: 'True: it will not become ready by waiting. False: a warning.' },
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
  Problem: {
    ...whole('An error in the form of RFC 9457.', problem),
    required: ['type', 'title', 'status', 'detail', 'code'],
  },
};
