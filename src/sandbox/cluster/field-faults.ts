import { type Json, isJsonObject, textOf } from './json.ts';
import type { Cause } from './refusals.ts';

/** What is wrong with a field, in Kubernetes' words. */
export const required = (field: string): Cause => ({ reason: 'FieldValueRequired', message: 'Required value', field });
export const wrong = (field: string, value: string, why: string): Cause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${value}: ${why}`,
  field,
});
export const duplicate = (field: string, value: string): Cause => ({
  reason: 'FieldValueDuplicate',
  message: `Duplicate value: ${JSON.stringify(value)}`,
  field,
});
export const unsupported = (field: string, value: string, supported: readonly string[]): Cause => ({
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${value}: supported values: ${supported.map((one) => JSON.stringify(one)).join(', ')}`,
  field,
});

export const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
export const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
export const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
export const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

const namePart = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const namePartRule =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const labelValueRule =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

function* keyFaults(key: string, field: string): Generator<Cause> {
  if (!namePart.test(key.split('/').at(-1) ?? '')) yield wrong(field, JSON.stringify(key), namePartRule);
}

export function* labelFaults(labels: Json | undefined, field: string): Generator<Cause> {
  for (const [key, value] of Object.entries(isJsonObject(labels) ? labels : {})) {
    yield* keyFaults(key, field);
    const text = textOf(value);
    if (text !== '' && !namePart.test(text)) yield wrong(field, JSON.stringify(value), labelValueRule);
  }
}

const longestAnnotations = 256 * 1024;

export function* annotationFaults(annotations: Json | undefined, field: string): Generator<Cause> {
  const texts = isJsonObject(annotations) ? Object.entries(annotations).flat() : [];
  for (const key of Object.keys(isJsonObject(annotations) ? annotations : {}))
    yield* keyFaults(key.toLowerCase(), field);
  const bytes = texts.reduce<number>((sum, text) => sum + Buffer.byteLength(textOf(text)), 0);
  if (bytes > longestAnnotations) {
    yield {
      reason: 'FieldValueTooLong',
      message: `Too long: must have at most ${longestAnnotations} bytes`,
      field,
    };
  }
}
