import { restRules } from './access.ts';
import { auditExportPaths } from './openapi-audit-export.ts';
import { problemExamples, refusalResponses, refusals } from './openapi-refusals.ts';
import { schemas } from './openapi-schemas.ts';
import { idempotencyKeyPattern } from './requests.ts';

const operationContent = { 'application/json': { schema: { $ref: '#/components/schemas/Operation' } } };

/** The REST API in its own words (OpenAPI 3.1), as GET /v1/openapi.json answers. */
export const openApiDocument = {
  openapi: '3.1.1',
  info: {
    title: 'Cratos Redeploy for scripts',
    version: '1.0.0',
    description:
      'The calls that scripts need; everything else is in GraphQL. Whoever redeploys must hold a redeploy token for the application: a ticket of theirs that somebody else has approved. A path that does not stand here is 404, a method that a path has not is 405; without a sign-in everything is 401.',
  },
  servers: [{ url: '/' }],
  security: [{ signIn: [] }],
  paths: {
    '/v1/applications/{name}/redeploy': {
      post: {
        operationId: 'redeploy',
        summary: 'Restart an application under a redeploy token',
        description: `Answers when Kubernetes has taken or refused the change; follow it at Location. A refusal by Kubernetes is an operation that is FAILED: look at its success, not at the 202. For ${restRules['POST /v1/applications/{name}/redeploy']}.`,
        parameters: [
          {
            name: 'name',
            in: 'path',
            required: true,
            description: 'The application.',
            schema: { type: 'string', minLength: 1, maxLength: 63 },
          },
          {
            name: 'Idempotency-Key',
            in: 'header',
            description:
              "The caller's own key for this request (GraphQL's requestId), also in quotation marks. The same request under it, also while the first is under way, is answered with the same operation as it stands then and restarts nothing; another one is 409.",
            schema: { type: 'string', pattern: idempotencyKeyPattern },
          },
        ],
        requestBody: {
          description: 'May be left out.',
          content: {
            'application/json': {
              schema: { $ref: '#/components/schemas/RedeployRequest' },
              example: { namespace: 'production', strategy: 'RollingUpdate', reason: 'Emergency redeploy for bug fix' },
            },
          },
        },
        responses: {
          202: {
            description: 'The operation is stored and will be followed to its end.',
            headers: {
              Location: {
                description: 'Where the operation can be read.',
                required: true,
                schema: { type: 'string', format: 'uri-reference' },
              },
            },
            content: operationContent,
          },
          ...refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503),
        },
      },
    },
    '/v1/operations/{id}': {
      get: {
        operationId: 'getOperation',
        summary: 'Read an operation as it stands',
        description: `For ${restRules['GET /v1/operations/{id}']}.`,
        parameters: [
          {
            name: 'id',
            in: 'path',
            required: true,
            description: 'Its id.',
            schema: { type: 'string', format: 'uuid' },
          },
        ],
        responses: {
          200: { description: 'The operation.', content: operationContent },
          ...refusals(400, 401, 404, 500, 503),
        },
      },
    },
    ...auditExportPaths,
    '/v1/openapi.json': {
      get: {
        operationId: 'getOpenApiDocument',
        summary: 'Read this document',
        description: `For ${restRules['GET /v1/openapi.json']}.`,
        responses: {
          200: { description: 'This document.', content: { 'application/json': { schema: { type: 'object' } } } },
          ...refusals(401, 500, 503),
        },
      },
    },
  },
  components: {
    schemas,
    responses: refusalResponses,
    examples: problemExamples,
    securitySchemes: {
      signIn: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description:
          "The issuer's JWT. Not the redeploy token: that one is never sent, but looked up by user and application.",
      },
    },
  },
};
