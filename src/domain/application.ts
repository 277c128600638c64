import { defineEntity, p } from '@mikro-orm/core';
import type { Target } from './cluster.ts';
import type { Owners } from './permissions.ts';

export type BusinessTag = { tagKey: string; tagValue: string };

const ApplicationSchema = defineEntity({
  name: 'Application',
  properties: {
    id: p.integer().primary(),
    /** A DNS label, unique. */
    name: p.text().unique(),
    businessTags: p.json<BusinessTag[]>(),
    owners: p.json<Owners>(),
    /** The Deployment to create where it is missing. */
    manifest: p.json<object>().nullable(),
    /** Repositories that an image may be changed to, beside the one that it has. */
    imageRepositories: p.json<string[]>().defaultRaw(`'[]'`),
    targets: () => p.oneToMany(ApplicationTarget).mappedBy('application').orphanRemoval().orderBy({ position: 'asc' }),
    createdAt: p.datetime(3),
    updatedAt: p.datetime(3),
  },
});

/** What can be redeployed. */
export class Application extends ApplicationSchema.class {}
ApplicationSchema.setClass(Application);

const ApplicationTargetSchema = defineEntity({
  name: 'ApplicationTarget',
  // A target belongs to one application only, whatever name a kubeconfig gives its cluster.
  uniques: [{ properties: ['clusterUid', 'namespace', 'deploymentName'], name: 'application_target_unique' }],
  properties: {
    id: p.integer().primary(),
    application: () => p.manyToOne(Application).deleteRule('cascade').index('application_target_application_index'),
    position: p.integer(),
    cluster: p.text(),
    clusterUid: p.text(),
    namespace: p.text(),
    deploymentName: p.text(),
  },
});

export class ApplicationTarget extends ApplicationTargetSchema.class {
  toTarget(): Target {
    const { cluster, clusterUid, namespace, deploymentName } = this;
    return { cluster, clusterUid, namespace, deploymentName };
  }
}
ApplicationTargetSchema.setClass(ApplicationTarget);
