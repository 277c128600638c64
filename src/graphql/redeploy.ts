import type { RedeployError } from '../domain/errors.ts';
import { type Preflight, preflight } from '../operations/preflight.ts';
import { operationRowOf } from '../operations/reads.ts';
import { redeploy } from '../operations/redeploys.ts';
import { type RolloutRevision, rolloutHistory } from '../operations/rollout-history.ts';
import { TargetType } from './application.ts';
import { builder } from './builder.ts';
import { ContainerImageType, OperationType, RedeployTypeEnum, RedeployWarningType } from './redeploy-operation.ts';

const RolloutStrategyEnum = builder.enumType('RolloutStrategy', {
  description: "The Deployment's own spec.strategy.type; it is never changed here.",
  values: {
    RollingUpdate: { description: 'Pods are replaced step by step.' },
    Recreate: { description: 'All old pods end before new ones start: the application is down meanwhile.' },
  },
});

const ContainerImageInput = builder.inputType('ContainerImageInput', {
  description: 'An image for a container of the Deployment.',
  fields: (t) => ({
    container: t.string({ required: true, description: "The container's name; INVALID_INPUT where there is none." }),
    image: t.string({
      required: true,
      description:
        'repository[:tag][@digest]; FORBIDDEN for a repository that the container has not now and the application does not list.',
    }),
  }),
});

const RollbackInput = builder.inputType('RollbackInput', {
  description: 'Which revision to go back to.',
  fields: (t) => ({
    revision: t.int({ description: 'As rolloutHistory lists it; the one before the present when left out.' }),
  }),
});

export const RedeployInput = builder.inputType('RedeployInput', {
  description:
    'What to redeploy: a restart, or with images or rollbackTo (not both) an image update or a rollback. The target may be left out as far as the application has only one.',
  fields: (t) => ({
    applicationName: t.string({
      required: true,
      description: 'The application; the viewer must have a valid token for it.',
    }),
    cluster: t.string({ description: 'The name of a kubeconfig context.' }),
    namespace: t.string({ description: 'The namespace.' }),
    deploymentName: t.string({ description: 'The Deployment.' }),
    strategy: t.field({
      type: RolloutStrategyEnum,
      description: "What the caller believes the Deployment's strategy to be; CONFLICT where it is another.",
    }),
    reason: t.string({ description: 'Why, for the record; at most 2,000 characters.' }),
    images: t.field({ type: [ContainerImageInput], description: 'The containers that get another image, each once.' }),
    rollbackTo: t.field({ type: RollbackInput, description: 'Back to an older revision; an empty object: the last.' }),
    requestId: t.string({
      description:
        "The caller's own key for this request, at most 128 characters: sent again, it answers with the same operation and restarts nothing.",
    }),
  }),
});

builder.mutationField('redeploy', (t) =>
  t.field({
    type: OperationType,
    description:
      "Restarts, updates, rolls back or creates an application's Deployment under the viewer's token. Answers when Kubernetes has taken or refused the change; follow it with rolloutStatus. A refusal by Kubernetes is an operation that is FAILED, never a success. TOO_MANY_REQUESTS with retryAfterSeconds; CONFLICT where the Deployment is paused, has another strategy, or another operation is unfinished on it (but a rollback under the same token ends that one as SUPERSEDED); NOT_FOUND where it is not deployed and has no manifest, and for a revision that is not in its history; INVALID_INPUT for an unknown container, FORBIDDEN for an image of another repository; UNAVAILABLE where Redis, PostgreSQL or the API server is away.",
    args: { input: t.arg({ type: RedeployInput, required: true, description: 'The request.' }) },
    resolve: async (_, { input }, ctx) => operationRowOf(await ctx.perform(redeploy, input)),
  }),
);

const RedeployRefusalType = builder
  .objectRef<Pick<RedeployError, 'code' | 'message' | 'details'>>('RedeployRefusal')
  .implement({
    description: 'The error that redeploy would answer with.',
    fields: (t) => ({
      code: t.exposeString('code', { description: 'As in extensions.code.' }),
      message: t.exposeString('message', { description: 'What stands in the way.' }),
      advice: t.string({
        nullable: true,
        description: 'What to do about it; null where there is nothing to say.',
        resolve: ({ details }) => details.advice ?? null,
      }),
      retryAfterSeconds: t.int({
        nullable: true,
        description: 'With TOO_MANY_REQUESTS the seconds to wait; null otherwise.',
        resolve: ({ details }) => details.retryAfterSeconds ?? null,
      }),
    }),
  });

const RedeployPreflightType = builder.objectRef<Preflight>('RedeployPreflight').implement({
  description: 'What redeploy would do with the same input at this moment.',
  fields: (t) => ({
    refusal: t.field({
      type: RedeployRefusalType,
      nullable: true,
      description: 'Why it would be refused, the first reason that applies; null where it would be done.',
      // Not the error itself: a field whose value is an error is an error.
      resolve: ({ refusal }) => refusal && { code: refusal.code, message: refusal.message, details: refusal.details },
    }),
    type: t.field({
      type: RedeployTypeEnum,
      nullable: true,
      description: 'What it would change; null where it would be refused.',
      resolve: ({ type }) => type,
    }),
    target: t.field({
      type: TargetType,
      nullable: true,
      description: 'Where; null where it would be refused.',
      resolve: ({ target }) => target,
    }),
    message: t.exposeString('message', { description: 'What would happen, as one sentence.' }),
    warnings: t.field({
      type: [RedeployWarningType],
      description: 'What is risky about it; none where it would be refused. The operation keeps them.',
      resolve: ({ warnings }) => warnings,
    }),
  }),
});

builder.queryField('preflight', (t) =>
  t.field({
    type: RedeployPreflightType,
    description: 'What redeploy would do with the same input, and what is risky about it. Changes and records nothing.',
    args: { input: t.arg({ type: RedeployInput, required: true, description: 'The request as for redeploy.' }) },
    resolve: (_, { input }, ctx) => preflight(ctx.desk, ctx.actor, input),
  }),
);

const RolloutRevisionType = builder.objectRef<RolloutRevision>('RolloutRevision').implement({
  description: "A revision in a Deployment's history: the present one, or one that a rollback can go back to.",
  fields: (t) => ({
    revision: t.exposeInt('revision', { description: 'For rollbackTo.' }),
    replicaSet: t.exposeString('replicaSet', { description: 'The ReplicaSet that holds its template.' }),
    isCurrent: t.exposeBoolean('isCurrent', { description: 'Whether it is the present one.' }),
    images: t.field({
      type: [ContainerImageType],
      description: "Its containers' images, in order.",
      resolve: ({ images }) => images,
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When its template was first rolled out.',
      resolve: ({ createdAt }) => createdAt,
    }),
    changeCause: t.exposeString('changeCause', {
      nullable: true,
      description: 'The annotation kubernetes.io/change-cause; null where nobody wrote one.',
    }),
  }),
});

builder.queryField('rolloutHistory', (t) =>
  t.field({
    type: [RolloutRevisionType],
    description:
      "The revisions of an application's Deployment, newest first, as kubectl rollout history lists them. NOT_FOUND where it is not deployed. INVALID_INPUT where the target is ambiguous, UNAVAILABLE where its cluster is away.",
    args: {
      applicationName: t.arg.string({ required: true, description: 'The application.' }),
      cluster: t.arg.string({ description: 'As for redeploy.' }),
      namespace: t.arg.string({ description: 'As for redeploy.' }),
      deploymentName: t.arg.string({ description: 'As for redeploy.' }),
    },
    resolve: (_, args, ctx) => rolloutHistory(ctx.desk, ctx.actor, args),
  }),
);
