import { type Resource, apiVersionOf, resources } from './objects.ts';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

function resourceEntries(resource: Resource): object[] {
  const { name, singularName, namespaced, kind, shortNames, subresources } = resource;
  const own = { name, singularName, namespaced, kind, verbs, shortNames };
  const below = subresources.map((subresource) => {
    const scale = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
    const what = subresource === 'scale' ? scale : { kind: subresource === 'binding' ? 'Binding' : kind };
    const allowed = subresource === 'binding' ? ['create'] : ['get', 'patch', 'update'];
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

const documents: Record<string, object | string> = {
  '/api': { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [apps] },
  '/apis/apps': { kind: 'APIGroup', apiVersion: 'v1', ...apps },
  '/api/v1': resourceList('v1'),
  '/apis/apps/v1': resourceList('apps/v1'),
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
