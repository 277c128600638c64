import type { BusinessTag } from '../domain/application.ts';
import type { Target } from '../domain/cluster.ts';
import type { Owners } from '../domain/permissions.ts';
import { registerApplication, unregisterApplication } from '../operations/applications.ts';
import { type ApplicationRow, findApplication } from '../operations/application-reads.ts';
import { listApplications } from '../operations/lists.ts';
import { builder } from './builder.ts';
import { keysetConnection } from './connections.ts';

export const BusinessTagType = builder.objectRef<BusinessTag>('BusinessTag').implement({
  description: 'A tag of an application, such as env:production or critical:true.',
  fields: (t) => ({
    tagKey: t.exposeString('tagKey', { description: 'For example env, team or critical.' }),
    tagValue: t.exposeString('tagValue', { description: 'For example production, backend or true.' }),
  }),
});

export const TargetType = builder.objectRef<Target>('Target').implement({
  description: 'Where an application runs: one Deployment. A target belongs to one application only.',
  fields: (t) => ({
    cluster: t.exposeString('cluster', { description: 'The name of a kubeconfig context.' }),
    clusterUid: t.exposeString('clusterUid', {
      description: "The cluster's identity: the uid of its kube-system namespace.",
    }),
    namespace: t.exposeString('namespace', { description: 'A Kubernetes namespace.' }),
    deploymentName: t.exposeString('deploymentName', { description: "The Deployment's name." }),
  }),
});

export const OwnersType = builder.objectRef<Owners>('Owners').implement({
  description: 'Who may ask for and carry out a redeploy of an application.',
  fields: (t) => ({
    users: t.exposeStringList('users', { description: 'Usernames.' }),
    groups: t.exposeStringList('groups', { description: 'Groups of the groups claim.' }),
  }),
});

export const ApplicationType = builder.objectRef<ApplicationRow>('Application');
builder.node(ApplicationType, {
  description: 'What can be redeployed.',
  id: { resolve: (application) => application.name },
  isTypeOf: (value) => 'owners' in (value as object),
  loadOne: (name, ctx) => findApplication(ctx.desk, ctx.actor, name),
  fields: (t) => ({
    name: t.exposeString('name', { description: 'A DNS label, unique.' }),
    businessTags: t.expose('businessTags', {
      type: [BusinessTagType],
      description: 'In the order of the registration.',
    }),
    owners: t.expose('owners', {
      type: OwnersType,
      description: 'Who may redeploy it.',
    }),
    targets: t.field({
      type: [TargetType],
      description: 'Where it runs; at least one.',
      resolve: (application, _, ctx) => application.lastTargets ?? ctx.loaders().targets.load(application.id),
    }),
    manifest: t.expose('manifest', {
      type: 'JSONObject',
      nullable: true,
      description:
        'The Deployment (apps/v1) that a redeploy creates where it is missing; null where there is none: then nothing is created.',
    }),
    imageRepositories: t.exposeStringList('imageRepositories', {
      description: 'Repositories that an image may be changed to, beside the one that it has.',
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'When it was registered first.',
    }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      description: 'When it was registered last.',
    }),
  }),
});

export const BusinessTagInput = builder.inputType('BusinessTagInput', {
  description: 'A tag of an application.',
  fields: (t) => ({
    tagKey: t.string({ required: true, description: 'For example env; at most 63 characters.' }),
    tagValue: t.string({ required: true, description: 'For example production; at most 253 characters.' }),
  }),
});

const OwnersInput = builder.inputType('OwnersInput', {
  description: 'Who may redeploy the application: at least one user or group.',
  fields: (t) => ({
    users: t.stringList({ description: 'Usernames; none when left out.' }),
    groups: t.stringList({ description: 'Groups of the groups claim; none when left out.' }),
  }),
});

const TargetInput = builder.inputType('TargetInput', {
  description: 'One Deployment.',
  fields: (t) => ({
    cluster: t.string({
      description: 'The name of a kubeconfig context of the service; may be left out where there is one.',
    }),
    namespace: t.string({ required: true, description: 'A Kubernetes namespace.' }),
    deploymentName: t.string({ required: true, description: "The Deployment's name; it need not exist yet." }),
  }),
});

const RegisterApplicationInput = builder.inputType('RegisterApplicationInput', {
  description: 'An application as it shall stand in the registry.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'A DNS label. Registering a known name replaces its registration.' }),
    businessTags: t.field({
      type: [BusinessTagInput],
      description: 'Each key once; none when left out. critical:true asks for two approvals.',
    }),
    owners: t.field({ type: OwnersInput, required: true, description: 'Who may redeploy it.' }),
    targets: t.field({ type: [TargetInput], required: true, description: 'Where it runs; 1 to 20.' }),
    manifest: t.field({
      type: 'JSONObject',
      description:
        'A Deployment (apps/v1) to create where a target is missing, at most 100,000 characters; its name and namespace those of every target, or left out. None when left out.',
    }),
    imageRepositories: t.stringList({
      description:
        'Repositories that an image may be changed to, beside the one that it has, as written in the image; none when left out, at most 50.',
    }),
  }),
});

builder.queryField('application', (t) =>
  t.field({
    type: ApplicationType,
    nullable: true,
    description: 'One application; null with NOT_FOUND for unknown names.',
    args: { name: t.arg.string({ required: true, description: "The application's name." }) },
    resolve: (_, { name }, ctx) => findApplication(ctx.desk, ctx.actor, name),
  }),
);

const ApplicationConnection = builder.connectionObject(
  { type: ApplicationType, name: 'ApplicationConnection', description: 'A page of applications.' },
  { name: 'ApplicationEdge', description: 'An application in its list.' },
);

const ApplicationFilterInput = builder.inputType('ApplicationFilter', {
  description: 'Which applications; what is left out does not narrow the list.',
  fields: (t) => ({
    name: t.string({ description: 'Exactly this name.' }),
    tagKey: t.string({ description: 'Tagged with this key.' }),
    tagValue: t.string({ description: 'Tagged with this value; with tagKey: under that key.' }),
    namespace: t.string({ description: 'With a target in this namespace.' }),
  }),
});

builder.queryField('applications', (t) =>
  t.connection(
    {
      type: ApplicationType,
      description: 'Applications, newest first.',
      args: { filter: t.arg({ type: ApplicationFilterInput, description: 'Which ones; all where left out.' }) },
      resolve: (_, { filter, ...args }, ctx) =>
        keysetConnection(
          args,
          (row: ApplicationRow) => String(row.id),
          (page) => listApplications(ctx.desk, ctx.actor, filter, page),
        ),
    },
    ApplicationConnection,
  ),
);

builder.mutationField('registerApplication', (t) =>
  t.field({
    type: ApplicationType,
    description:
      'Registers an application or replaces its registration; tickets under way keep what they were created with. INVALID_INPUT names every fault, CONFLICT where a target belongs to another application, UNAVAILABLE where a cluster cannot be identified.',
    args: { input: t.arg({ type: RegisterApplicationInput, required: true, description: 'The registration.' }) },
    resolve: (_, { input }, ctx) => ctx.perform(registerApplication, input),
  }),
);

const UnregisterApplicationInput = builder.inputType('UnregisterApplicationInput', {
  description: 'An application to take out of the registry.',
  fields: (t) => ({
    name: t.string({ required: true, description: "The application's name." }),
    reason: t.string({ description: 'Why, for the record; at most 2,000 characters.' }),
  }),
});

builder.mutationField('unregisterApplication', (t) =>
  t.field({
    type: ApplicationType,
    description:
      'Takes an application out of the registry and answers with what stood there; from then on nobody can redeploy it. Its tickets, operations and records stay. NOT_FOUND for an unknown name.',
    args: { input: t.arg({ type: UnregisterApplicationInput, required: true, description: 'Which, and why.' }) },
    resolve: (_, { input }, ctx) => ctx.perform(unregisterApplication, input),
  }),
);
