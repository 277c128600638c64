import { type Resource, apiVersionOf, resources } from './objects.ts';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

function resourceEntries(resource: Resource): object[] {
  const { name, singularName, namespaced, kind, shortNames, subresources } = resource;
  const own = { name, singularName, namespaced, kind, verbs, shortNames };
  const below = subresources.map((subresource) => {
    const scale = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
    const what = subresource === 'scale' ? scale : { kind: subresource === 'binding' ? 'Binding' : kind };
    const allowed = { binding: ['create'], log: ['get'] }[subresource as string] ?? ['get', 'patch', 'update'];
    return { name: `${name}/${subresource}`, singularName: '', namespaced, ...what, verbs: allowed };
  });
  return [own, ...below];
}

function resourceList(groupVersion: string): object {
  const inGroup = Object.values(resources).filter((resource) => apiVersionOf(resource) === groupVersion);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: inGroup.flatMap(resourceEntries) };
}

const apps = {
  name: 'apps',
  versions: [{ groupVersion: 'apps/v1', version: 'v1' }],
  preferredVersion: { groupVersion: 'apps/v1', version: 'v1' },
};

const authorization = {
  name: 'authorization.k8s.io',
  versions: [{ groupVersion: 'authorization.k8s.io/v1', version: 'v1' }],
  preferredVersion: { groupVersion: 'authorization.k8s.io/v1', version: 'v1' },
};
const accessReviews = {
  name: 'selfsubjectaccessreviews',
  singularName: '',
  namespaced: false,
  kind: 'SelfSubjectAccessReview',
  verbs: ['create'],
};

const documents: Record<string, object | string> = {
  '/api': { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [apps, authorization] },
  '/apis/apps': { kind: 'APIGroup', apiVersion: 'v1', ...apps },
  '/api/v1': resourceList('v1'),
  '/apis/apps/v1': resourceList('apps/v1'),
  '/apis/authorization.k8s.io': { kind: 'APIGroup', apiVersion: 'v1', ...authorization },
  '/apis/authorization.k8s.io/v1': {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: 'authorization.k8s.io/v1',
    resources: [accessReviews],
  },
  '/version': {
    major: '1',
    minor: '20',
    gitVersion: 'v1.20.2-simulated',
    gitCommit: '',
    gitTreeState: '',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: '',
  },
  '/readyz': 'ok',
  '/livez': 'ok',
  '/healthz': 'ok',
};

/** What the API server says about itself at this path, if anything. */
export const discovered = (path: string): object | string | undefined =>
  documents[path.length > 1 ? path.replace(/\/$/, '') : path];
