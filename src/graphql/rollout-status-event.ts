import { adviceOn } from '../domain/failure-advice.ts';
import { type PodFailure, type Replicas, type RolloutEvent, type rolloutStatuses } from '../domain/rollout.ts';
import { builder } from './builder.ts';
import { operationGlobalId } from './ids.ts';

export const RolloutStatusEnum = builder.enumType('RolloutStatus', {
  description: 'Where a rollout stands. COMPLETED, FAILED, TIMED_OUT and SUPERSEDED are final.',
  values: {
    STARTED: { description: 'Stored; the change is on its way to Kubernetes.' },
    PROGRESSING: { description: 'Kubernetes has the change and replaces pods.' },
    VERIFYING: { description: 'Kubernetes says done; the new pods must all be ready and the old ones gone.' },
    COMPLETED: { description: 'Done and verified.' },
    FAILED: { description: 'Kubernetes refused it, every new pod is doomed, or the object was deleted.' },
    TIMED_OUT: { description: "Kubernetes' progress deadline passed, or the service's own." },
    SUPERSEDED: { description: 'A newer change of the pod template replaced it.' },
  } satisfies Record<(typeof rolloutStatuses)[number], { description: string }>,
});

const ReplicasType = builder.objectRef<Replicas>('Replicas').implement({
  description: 'Pods by number.',
  fields: (t) => ({
    desired: t.exposeInt('desired', { description: 'spec.replicas.' }),
    updated: t.exposeInt('updated', { description: 'Of the new template (status.updatedReplicas).' }),
    ready: t.exposeInt('ready', { description: 'New pods that are ready and not terminating.' }),
    available: t.exposeInt('available', { description: 'status.availableReplicas, old and new.' }),
    old: t.exposeInt('old', { description: 'Pods of older templates that are still there, terminating ones too.' }),
  }),
});

export const PodFailureType = builder.objectRef<PodFailure>('PodFailure').implement({
  description: 'Why a new pod does not come up.',
  fields: (t) => ({
    pod: t.exposeString('pod', {
      nullable: true,
      description: "The pod's name; null where Kubernetes could not create one.",
    }),
    container: t.exposeString('container', {
      nullable: true,
      description: 'The container, init containers too; null where the whole pod is concerned.',
    }),
    reason: t.exposeString('reason', { description: "Kubernetes' reason, such as ImagePullBackOff." }),
    message: t.exposeString('message', { description: "Kubernetes' message." }),
    exitCode: t.exposeInt('exitCode', { nullable: true, description: 'Of the last run; null where it has not ended.' }),
    restarts: t.exposeInt('restarts', { description: 'How often the container was restarted.' }),
    since: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Since when it is seen; null in records from before it was kept.',
      resolve: ({ since }) => (since === undefined ? null : new Date(since)),
    }),
    advice: t.string({ description: 'What to check first.', resolve: adviceOn }),
    log: t.exposeString('log', {
      nullable: true,
      description:
        "The last lines of the crashed container's log, at most 2 KB, of at most three containers; null where the API gives none.",
    }),
    doomed: t.exposeBoolean('isDoomed', {
      description: 'True: it will not become ready by waiting. False: a warning.',
    }),
  }),
});

/*
 * Every subscriber of an operation gets the same event: none of these fields may depend on who asks.
 */
export const RolloutStatusEventType = builder.objectRef<RolloutEvent>('RolloutStatusEvent').implement({
  description: 'A rollout at one moment, whole: a newer one replaces all that an older one said.',
  fields: (t) => ({
    sequence: t.exposeInt('sequence', {
      description: '1, 2, 3 … within the operation. A number that was skipped can be read in operation.events.',
    }),
    operationId: t.id({ description: "The operation's id.", resolve: (event) => operationGlobalId(event.operationId) }),
    status: t.expose('status', { type: RolloutStatusEnum, description: 'Where it stands.' }),
    message: t.exposeString('message', { description: "kubectl rollout status' words, where kubectl has some." }),
    at: t.expose('at', { type: 'DateTime', description: 'When it was recorded.' }),
    replicas: t.expose('replicas', { type: ReplicasType, description: 'Pods by number.' }),
    newPods: t.exposeStringList('newPods', { description: 'Names of the new pods, at most 100.' }),
    newPodCount: t.exposeInt('newPodCount', { description: 'How many new pods there are.' }),
    terminatedPods: t.exposeStringList('terminatedPods', {
      description: 'Names of old pods that are really gone, at most 100.',
    }),
    terminatedPodCount: t.exposeInt('terminatedPodCount', { description: 'How many old pods are gone.' }),
    failures: t.expose('failures', {
      type: [PodFailureType],
      description: 'What is wrong with new pods, at most 100.',
    }),
  }),
});

export const RolloutStatusEventConnection = builder.connectionObject(
  { type: RolloutStatusEventType, name: 'RolloutStatusEventConnection', description: 'A page of events.' },
  { name: 'RolloutStatusEventEdge', description: 'An event in its list.' },
);

builder.subscriptionField('rolloutStatus', (t) =>
  t.field({
    type: RolloutStatusEventType,
    description:
      'A rollout as it goes on, in order, without duplicates; ends after the final event. A client too slow for it skips events that a newer one of the same status replaces. INVALID_INPUT where the operation has not reached the number in after.',
    args: {
      operationId: t.arg.id({
        required: true,
        description: "The operation's id, or its UUID as it stands on the Kubernetes object.",
      }),
      after: t.arg.int({
        description:
          'The last number seen: every event behind it is sent, 0 = from the start. Left out: the present state first.',
      }),
    },
    subscribe: async (_, { operationId, after }, ctx) => {
      const operation = await ctx.findOperation(operationId);
      return ctx.live.followRollout(ctx.actor, operation, after ?? null);
    },
    resolve: (event) => event,
  }),
);
