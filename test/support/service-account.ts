import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import {
  AuthorizationV1Api,
  CoreV1Api,
  KubeConfig,
  RbacAuthorizationV1Api,
  type V1PolicyRule,
} from '@kubernetes/client-node';
import { parse } from 'yaml';
import type { Access } from '../../src/domain/cluster.ts';
import { until } from './wait.ts';

/** What identifies a cluster; beside what is done in namespaces. */
export const identityAccess: Access = { verb: 'get', group: '', resource: 'namespaces' };

const rulesOf = (file: string): V1PolicyRule[] =>
  parse(readFileSync(new URL(`../../deploy/chart/files/${file}`, import.meta.url), 'utf8')) as V1PolicyRule[];

/** What the chart grants, in namespaces and at the cluster's scope. */
export const namespaceRules = rulesOf('role-rules.yaml');
export const identityRules = rulesOf('identity-rules.yaml');

/** Each verb on each resource that these rules grant. */
export const accessesOf = (rules: readonly V1PolicyRule[]): Access[] =>
  rules.flatMap(({ apiGroups = [], resources = [], verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => ({ verb, group, resource })))),
  );

function rulesWithout(without: Access): V1PolicyRule[] {
  return [...namespaceRules, ...identityRules].flatMap(({ apiGroups, resources, resourceNames, verbs: all }) => {
    const isKept = (verb: string) =>
      accessesOf([{ apiGroups, resources, verbs: [verb] }]).every((access) => !isDeepStrictEqual(access, without));
    const verbs = all.filter(isKept);
    return verbs.length === 0 ? [] : [{ apiGroups, resources, resourceNames, verbs }];
  });
}

/** An account of its own under the chart's role, in all namespaces, without one verb of it where a test wants it so. */
export async function openServiceAccount(
  admin: KubeConfig,
  without?: Access,
): Promise<{ token: string; close: () => Promise<void> }> {
  const name = `service-${randomUUID().slice(0, 8)}`;
  const namespace = name;
  const core = admin.makeApiClient(CoreV1Api);
  const rbac = admin.makeApiClient(RbacAuthorizationV1Api);
  const rules = without ? rulesWithout(without) : [...namespaceRules, ...identityRules];
  await core.createNamespace({ body: { metadata: { name } } });
  await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name } } });
  await rbac.createClusterRole({ body: { metadata: { name }, rules } });
  await rbac.createClusterRoleBinding({
    body: {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  });
  const { status } = await core.createNamespacedServiceAccountToken({
    name,
    namespace,
    body: { spec: { audiences: [], expirationSeconds: 3600 } },
  });
  const { token = '' } = status ?? {};
  const own = new KubeConfig();
  own.loadFromClusterAndUser(admin.getCurrentCluster()!, { name, token });
  const reviews = own.makeApiClient(AuthorizationV1Api);
  // The API server takes a moment to know of a binding, and knows it whole.
  const [{ verb, group, resource }] = accessesOf(rules) as [Access];
  await until(`${name} has its role`, async () => {
    const resourceAttributes = { verb, group, resource, namespace: 'default' };
    const { status } = await reviews.createSelfSubjectAccessReview({ body: { spec: { resourceAttributes } } });
    return status?.allowed;
  });
  return {
    token,
    close: async () => {
      await rbac.deleteClusterRoleBinding({ name });
      await rbac.deleteClusterRole({ name });
      await core.deleteNamespace({ name });
    },
  };
}
