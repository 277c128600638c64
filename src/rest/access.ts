/**
 * For whom each call is, in the words of the document; docs/access.md has the answer for each role. A call that does not
 * stand here is not served. Who may know of an operation, and who may redeploy, the operations decide that GraphQL has too.
 */
export const restRules = {
  'POST /v1/applications/{name}/redeploy':
    'APPLICATION_DEPLOYER who owns the application, and ADMIN, with a valid redeploy token of their own; FORBIDDEN without role or ownership, TOKEN_INVALID without token',
  'GET /v1/operations/{id}': 'whoever did it, APPROVER, AUDITOR and ADMIN; NOT_FOUND for everyone else',
  'GET /v1/audit-records.ndjson': 'AUDITOR and ADMIN; FORBIDDEN for everyone else',
  'GET /v1/audit-records.csv': 'AUDITOR and ADMIN; FORBIDDEN for everyone else',
  'GET /v1/openapi.json': 'anyone who is signed in',
} as const;

export type RestCall = keyof typeof restRules;
