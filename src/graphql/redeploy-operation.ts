import type { ContainerImage } from '../domain/images.ts';
import { secondsFromStart } from '../domain/operation.ts';
import type { RedeployWarning } from '../domain/redeploy-warnings.ts';
import type { RolloutEvent } from '../domain/rollout.ts';
import { listOperations } from '../operations/lists.ts';
import { findOperation, type OperationRow } from '../operations/reads.ts';
import { builder } from './builder.ts';
import { keysetConnection } from './connections.ts';
import {
  PodFailureType,
  RolloutStatusEnum,
  RolloutStatusEventConnection,
  RolloutStatusEventType,
} from './rollout-status-event.ts';
import { TicketType } from './ticket-ref.ts';

export const RedeployTypeEnum = builder.enumType('RedeployType', {
  description: 'What a redeploy changes.',
  values: {
    RESTART: { description: 'Nothing but the pods: kubectl rollout restart.' },
    IMAGE_UPDATE: { description: 'The images of named containers, which restarts the pods.' },
    ROLLBACK: { description: "The whole pod template, to an older revision's: kubectl rollout undo." },
    CREATE: { description: 'The missing Deployment is created from the approved manifest.' },
  },
});

export const ContainerImageType = builder.objectRef<ContainerImage>('ContainerImage').implement({
  description: 'An image for a container of the Deployment.',
  fields: (t) => ({
    container: t.exposeString('container', { description: "The container's name." }),
    image: t.exposeString('image', { description: 'The image: repository[:tag][@digest].' }),
  }),
});

export const RedeployWarningType = builder.objectRef<RedeployWarning>('RedeployWarning').implement({
  description: 'Something risky about a redeploy that does not forbid it.',
  fields: (t) => ({
    reason: t.exposeString('reason', { description: 'One word, such as SingleReplica; the same for the same risk.' }),
    message: t.exposeString('message', { description: 'What is risky, with the values that were found.' }),
    advice: t.exposeString('advice', { description: 'What to do about it.' }),
  }),
});

export const OperationType = builder.objectRef<OperationRow>('RedeployOperation');
builder.node(OperationType, {
  description:
    "One redeployment and its record: the guide's ApplicationRedeployOperationRecord under its own names, and more.",
  id: { resolve: (operation) => operation.id },
  isTypeOf: (value) => 'rolloutStatus' in (value as object),
  loadOne: (id, ctx) => findOperation(ctx.desk, ctx.actor, id),
  fields: (t) => ({
    ticketId: t.exposeInt('ticketId', { description: 'The ticket that allowed it.' }),
    ticketEntryId: t.exposeInt('entryId', { description: 'The entry that allowed it.' }),
    type: t.expose('type', {
      type: RedeployTypeEnum,
      description: 'What it changes.',
    }),
    images: t.expose('images', {
      type: [ContainerImageType],
      nullable: true,
      description: 'Of an image update what was asked for; null otherwise.',
    }),
    rollbackTo: t.exposeInt('rollbackTo', {
      nullable: true,
      description: 'Of a rollback the revision whose template was wanted; null otherwise.',
    }),
    warnings: t.expose('warnings', {
      type: [RedeployWarningType],
      description: 'What was risky about it, as preflight would have told just before.',
    }),
    username: t.exposeString('username', { description: 'Who did it.' }),
    applicationName: t.exposeString('applicationName', { description: 'To which application.' }),
    cluster: t.exposeString('cluster', { description: 'In which cluster: the name of a kubeconfig context.' }),
    namespace: t.exposeString('namespace', { description: 'In which namespace.' }),
    deploymentName: t.exposeString('deploymentName', { description: 'To which Deployment.' }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'Why, in the words of whoever did it; null when not said.',
    }),
    previousImage: t.exposeString('previousImage', {
      description: "The containers' images before, in order, comma-separated.",
    }),
    currentImage: t.exposeString('currentImage', {
      nullable: true,
      description: "The containers' images after; null until Kubernetes has the change.",
    }),
    previousReplicas: t.exposeInt('previousReplicas', { description: 'spec.replicas before.' }),
    currentReplicas: t.exposeInt('currentReplicas', {
      nullable: true,
      description: 'spec.replicas after; null until Kubernetes has the change.',
    }),
    rolloutStrategy: t.exposeString('rolloutStrategy', {
      description: "The Deployment's strategy: RollingUpdate or Recreate.",
    }),
    revision: t.exposeInt('revision', {
      nullable: true,
      description: 'The revision that it made; null until the new ReplicaSet is seen.',
    }),
    operationStartTime: t.expose('operationStartTime', {
      type: 'DateTime',
      description: 'When it was stored.',
    }),
    operationEndTime: t.expose('operationEndTime', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended; null before.',
    }),
    durationSeconds: t.exposeInt('durationSeconds', {
      nullable: true,
      description: 'Seconds from start to end, rounded; null before.',
    }),
    firstPodSeconds: t.int({
      nullable: true,
      description: 'Seconds from start to the first new pod, rounded; null before.',
      resolve: (operation) => secondsFromStart(operation, operation.firstPodAt),
    }),
    availableSeconds: t.int({
      nullable: true,
      description: 'Seconds from start to what kubectl rollout status calls successfully rolled out; null before.',
      resolve: (operation) => secondsFromStart(operation, operation.availableAt),
    }),
    succeededLateAt: t.expose('succeededLateAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the rollout came up after all, though it had timed out or failed: the verdict stays. Null otherwise.',
    }),
    lastUpdateTime: t.expose('lastUpdateTime', {
      type: 'DateTime',
      description: 'When its state was last recorded.',
    }),
    success: t.exposeBoolean('success', {
      nullable: true,
      description: 'Whether it was COMPLETED; null before its end.',
    }),
    errorMessage: t.exposeString('errorMessage', {
      nullable: true,
      description: "Why it was not, in Kubernetes' words where it has some; null otherwise.",
    }),
    rolloutStatus: t.expose('rolloutStatus', {
      type: RolloutStatusEnum,
      description: 'Where it stands.',
    }),
    newPods: t.exposeStringList('newPods', { description: 'Names of the new pods, at most 100.' }),
    terminatedPods: t.exposeStringList('terminatedPods', {
      description: 'Names of old pods that are really gone, at most 100.',
    }),
    failures: t.expose('failures', {
      type: [PodFailureType],
      description: 'What is wrong with new pods.',
    }),
    ticket: t.field({
      type: TicketType,
      description: 'The ticket that allowed it.',
      resolve: (operation, _, ctx) => ctx.loaders().ticket.load(operation.ticketId),
    }),
    events: t.connection(
      {
        type: RolloutStatusEventType,
        description: 'Every event of its rollout, oldest first; none is skipped here.',
        resolve: (operation, args, ctx) =>
          keysetConnection(
            args,
            (event: RolloutEvent) => String(event.sequence),
            (page) => ctx.loaders().events(operation.id, page),
          ),
      },
      RolloutStatusEventConnection,
    ),
  }),
});

builder.queryField('operation', (t) =>
  t.field({
    type: OperationType,
    nullable: true,
    description: 'One operation; null with NOT_FOUND for unknown ids.',
    args: {
      id: t.arg.id({ required: true, description: 'Its id, or its UUID as it stands on the Kubernetes object.' }),
    },
    resolve: (_, { id }, ctx) => ctx.findOperation(id),
  }),
);

export const OperationConnection = builder.connectionObject(
  { type: OperationType, name: 'RedeployOperationConnection', description: 'A page of operations.' },
  { name: 'RedeployOperationEdge', description: 'An operation in its list.' },
);

const OperationFilterInput = builder.inputType('OperationFilter', {
  description: 'Which operations; what is left out does not narrow the list.',
  fields: (t) => ({
    rolloutStatus: t.field({ type: [RolloutStatusEnum], description: 'In one of these statuses.' }),
    username: t.string({ description: 'By this user.' }),
    applicationName: t.string({ description: 'On this application.' }),
    cluster: t.string({ description: 'In this cluster.' }),
    namespace: t.string({ description: 'In this namespace.' }),
    startedAfter: t.field({ type: 'DateTime', description: 'Started then or later.' }),
    startedBefore: t.field({ type: 'DateTime', description: 'Started before.' }),
  }),
});

builder.queryField('operations', (t) =>
  t.connection(
    {
      type: OperationType,
      description: 'Operations, newest first.',
      args: { filter: t.arg({ type: OperationFilterInput, description: 'Which ones; all where left out.' }) },
      resolve: (_, { filter, ...args }, ctx) =>
        keysetConnection(
          args,
          (row: OperationRow) => row.id,
          (page) => listOperations(ctx.desk, ctx.actor, filter, page),
        ),
    },
    OperationConnection,
  ),
);
