import { type JsonObject, isJsonObject, textOf } from './json.ts';
import { Refusal } from './refusals.ts';
import type { Route } from './routes.ts';

/** What somebody wants to do, as RBAC and a SelfSubjectAccessReview name it. */
export type Access = {
  verb: string;
  group: string;
  resource: string;
  subresource: string;
  /** Empty at the cluster's scope and for all namespaces. */
  namespace: string;
  name: string;
};
export type IsAllowed = (access: Access) => boolean;

const writingVerbs: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

export function accessOf(
  { resource, namespace, name = '', subresource }: Route,
  method: string,
  isWatch: boolean,
): Access {
  const reading = name !== '' ? 'get' : isWatch ? 'watch' : 'list';
  const writing = method === 'DELETE' && name === '' ? 'deletecollection' : writingVerbs[method];
  const verb = writing ?? reading;
  return { verb, group: resource.group, resource: resource.name, subresource: subresource ?? '', namespace, name };
}

/** In the words of RBAC. */
export function forbidden({ verb, group, resource, subresource, namespace, name }: Access): Refusal {
  const what = group === '' ? resource : `${resource}.${group}`;
  const target = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const message = `${what}${name === '' ? '' : ` "${name}"`} is forbidden: User "sandbox" cannot ${verb} resource "${target}" in API group "${group}" ${where}`;
  return new Refusal(403, 'Forbidden', message, {
    ...(name !== '' && { name }),
    ...(group !== '' && { group }),
    kind: resource,
  });
}

function invalidReview(field: string, value: string, why: string): Refusal {
  const cause = { reason: 'FieldValueInvalid', message: `Invalid value: ${value}: ${why}`, field } as const;
  const message = `.authorization.k8s.io "" is invalid: ${field}: ${cause.message}`;
  return new Refusal(422, 'Invalid', message, { group: 'authorization.k8s.io', causes: [cause] });
}

/** The answer to `POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews`. */
export function reviewed(review: JsonObject, isAllowed: IsAllowed): JsonObject {
  const spec = isJsonObject(review['spec']) ? review['spec'] : {};
  const { resourceAttributes: asked, nonResourceAttributes: path } = spec;
  if (isJsonObject(asked) === isJsonObject(path)) {
    const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    throw isJsonObject(asked)
      ? invalidReview(
          'spec.nonResourceAttributes',
          JSON.stringify(path),
          'cannot be specified in combination with resourceAttributes',
        )
      : invalidReview('spec.resourceAttributes', '"null"', why);
  }
  const part = (name: string) => (isJsonObject(asked) ? textOf(asked[name]) : '');
  const access: Access = {
    verb: part('verb'),
    group: part('group'),
    resource: part('resource'),
    subresource: part('subresource'),
    namespace: part('namespace'),
    name: part('name'),
  };
  return {
    kind: 'SelfSubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: { creationTimestamp: null },
    spec,
    status: { allowed: !isJsonObject(asked) || isAllowed(access) },
  };
}
