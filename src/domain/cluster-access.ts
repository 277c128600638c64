import type { Access } from './cluster.ts';

const verbs: readonly { group: string; resource: string; verbs: readonly string[] }[] = [
  { group: 'apps', resource: 'deployments', verbs: ['get', 'list', 'watch', 'create', 'patch'] },
  { group: 'apps', resource: 'replicasets', verbs: ['list', 'watch'] },
  { group: '', resource: 'pods', verbs: ['list', 'watch'] },
  { group: '', resource: 'pods/log', verbs: ['get'] },
  { group: '', resource: 'events', verbs: ['list', 'watch', 'create'] },
];

/** All that the service does in a target's namespace, and its Role there must let it do. */
export const neededAccess: readonly Access[] = verbs.flatMap(({ group, resource, verbs }) =>
  verbs.map((verb) => ({ verb, group, resource })),
);

/** Only a Deployment that is missing is created. */
export const isForCreation = ({ verb, resource }: Access): boolean => verb === 'create' && resource === 'deployments';
