import type { Resource } from './objects.ts';

export type Cause = {
  reason:
    | 'FieldValueInvalid'
    | 'FieldValueRequired'
    | 'FieldValueTooLong'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden'
    | 'FieldValueNotSupported';
  message: string;
  field: string;
};
type Details = {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: Cause[];
  retryAfterSeconds?: number;
};

/** A request that the API server refuses; the words are Kubernetes' own. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: number;
  readonly reason: string;
  readonly details: Details | undefined;

  constructor(code: number, reason: string, message: string, details?: Details) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
}

const qualified = (resource: Resource): string =>
  resource.group === '' ? resource.name : `${resource.name}.${resource.group}`;
const qualifiedKind = (resource: Resource): string =>
  resource.group === '' ? resource.kind : `${resource.kind}.${resource.group}`;
const detailsOf = (resource: Resource, name: string, kind: string): Details => ({
  name,
  ...(resource.group !== '' && { group: resource.group }),
  kind,
});

export const statusBody = ({ code, reason, message, details }: Refusal): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message,
  reason,
  ...(details !== undefined && { details }),
  code,
});

export const badRequest = (message: string): Refusal => new Refusal(400, 'BadRequest', message);

export const noSuchPath = (): Refusal =>
  new Refusal(404, 'NotFound', 'the server could not find the requested resource', {});

export const methodNotAllowed = (): Refusal =>
  new Refusal(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

export const unsupportedMediaType = (): Refusal =>
  new Refusal(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});

/** A JSON patch that cannot be applied, a failed `test` included; Kubernetes does not say which operation it was. */
export const patchRejected = (): Refusal =>
  new Refusal(422, 'Invalid', 'the server rejected our request due to an error in our request', {});

export const notFound = (resource: Resource, name: string): Refusal =>
  new Refusal(404, 'NotFound', `${qualified(resource)} "${name}" not found`, detailsOf(resource, name, resource.name));

export const alreadyExists = (resource: Resource, name: string): Refusal =>
  new Refusal(
    409,
    'AlreadyExists',
    `${qualified(resource)} "${name}" already exists`,
    detailsOf(resource, name, resource.name),
  );

export const conflict = (
  resource: Resource,
  name: string,
  why = 'the object has been modified; please apply your changes to the latest version and try again',
): Refusal =>
  new Refusal(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`,
    detailsOf(resource, name, resource.name),
  );

/** A precondition of a DELETE failed; this one alone names the kind instead of the resource. */
export const preconditionFailed = (resource: Resource, name: string, why: string): Refusal =>
  new Refusal(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualifiedKind(resource)} "${name}": ${why}`,
    detailsOf(resource, name, resource.kind),
  );

function faultsIn(causes: Cause[]): string {
  const faults = causes.map(({ field, message }) => `${field}: ${message}`);
  return faults.length === 1 ? (faults[0] ?? '') : `[${faults.join(', ')}]`;
}

export const invalid = (resource: Resource, name: string, causes: Cause[]): Refusal =>
  new Refusal(422, 'Invalid', `${qualifiedKind(resource)} "${name}" is invalid: ${faultsIn(causes)}`, {
    ...detailsOf(resource, name, resource.kind),
    causes,
  });

/** Of a request's options, which are no resource. */
export const invalidOptions = (kind: string, name: string, causes: Cause[]): Refusal =>
  new Refusal(422, 'Invalid', `${kind} "${name}" is invalid: ${faultsIn(causes)}`, { name, kind, causes });

export const expired = (asked: number, oldest: number): Refusal =>
  new Refusal(410, 'Expired', `too old resource version: ${asked} (${oldest})`);

export const unauthorized = (): Refusal => new Refusal(401, 'Unauthorized', 'Unauthorized');

export const namespaceTerminating = (resource: Resource, name: string, namespace: string): Refusal =>
  new Refusal(
    403,
    'Forbidden',
    `${qualified(resource)} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    detailsOf(resource, name, resource.name),
  );
