import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test } from 'vitest';
import { errorStatus } from '../../src/domain/errors.ts';
import { openApiDocument } from '../../src/rest/openapi.ts';
import { ajv } from '../support/rest.ts';

const { paths, components } = openApiDocument;

type Node = Record<string, unknown>;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;
const nodesUnder = (node: Node): Node[] => [node, ...Object.values(node).filter(isNode).flatMap(nodesUnder)];
const at = (reference: string): unknown =>
  reference
    .slice(2)
    .split('/')
    .reduce<unknown>((node, key) => (isNode(node) ? node[key] : undefined), openApiDocument);

test('the document keeps the rules of OpenAPI 3.1', async () => {
  const validator = new Validator();
  expect(await validator.validate(structuredClone(openApiDocument))).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
  expect(nodesUnder(validator.resolveRefs()).length).toBeGreaterThan(100);
});

test('every reference leads somewhere, and every component is referred to', () => {
  const references = nodesUnder(openApiDocument).flatMap(({ $ref }) => (typeof $ref === 'string' ? [$ref] : []));
  expect(references.filter((reference) => at(reference) === undefined)).toEqual([]);
  const { securitySchemes: _, ...others } = components;
  const all = Object.entries(others).flatMap(([kind, named]) =>
    Object.keys(named).map((name) => `#/components/${kind}/${name}`),
  );
  // No path can list what a method that it has not is answered with.
  expect(all.filter((name) => !references.includes(name))).toEqual(['#/components/responses/405']);
});

test('every part tells the reader what it is', () => {
  const silent = (parts: Record<string, { description?: string }>) =>
    Object.entries(parts).filter(([, { description }]) => !description);
  for (const schema of Object.values(components.schemas)) expect(silent(schema.properties)).toEqual([]);
  expect(silent(components.responses)).toEqual([]);
  expect(silent(components.examples)).toEqual([]);
});

describe('codes', () => {
  test.for(Object.entries(errorStatus))('%s is an example that is valid and stands under %i', ([code, status]) => {
    const example = components.examples[code]!;
    expect(example.value).toMatchObject({ code, status, type: `/v1/openapi.json#/components/examples/${code}` });
    const response = components.responses[status]!.content['application/problem+json'];
    expect(response.examples).toHaveProperty(code);
    const validate = ajv.compile({
      $ref: `api#/components/responses/${status}/content/application~1problem+json/schema`,
    });
    validate(example.value);
    expect(validate.errors).toBeNull();
  });

  test('the redeploy lists every status that a code has', () => {
    const listed = Object.keys(paths['/v1/applications/{name}/redeploy'].post.responses);
    expect(listed).toEqual(expect.arrayContaining(Object.values(errorStatus).map(String)));
  });
});

test("the guide's body and the example are valid, a misspelt member is not", () => {
  const { post } = paths['/v1/applications/{name}/redeploy'];
  const validate = ajv.compile({ $ref: 'api#/components/schemas/RedeployRequest' });
  expect(validate(post.requestBody.content['application/json'].example)).toBe(true);
  expect(validate({ nameSpace: 'production' })).toBe(false);
});
