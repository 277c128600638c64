import {
  ApproveDocument,
  AuditTrailDocument,
  CreateTicketDocument,
  OperationDocument,
  PreflightDocument,
  RedeployDocument,
  RolloutStatusDocument,
  TokenDocument,
  type TypedDocumentString,
  ViewerDocument,
} from '../documents/generated/graphql.ts';

/** Somebody whose sign-in token the page may hold; only the sandbox has such people. */
export type GraphiqlPerson = { username: string; roles: readonly string[]; token: string };

/** As GraphiQL takes it. */
export type GraphiqlTab = { query: string; variables: string; headers: string };

const tab = <Result, Variables>(
  username: string,
  comment: string,
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
) => ({
  username,
  query: `# ${comment}\n${document.toString().trim()}\n`,
  variables: JSON.stringify(variables, null, 2),
});

const applicationName = 'api-gateway';
const ticketNo = 'the ticketNo that CreateTicket gave';
const operationId = 'the id that Redeploy gave';

/** A ticket's life, in order. */
const story = [
  tab('alice', '1. Who asks? See Headers, below.', ViewerDocument, {}),
  tab('alice', '2. Ask for a redeploy.', CreateTicketDocument, {
    input: {
      workOrderKey: 'APPLICATION_REDEPLOY',
      category: 'BUG_FIX',
      reason: 'it answers 500 since 03:05',
      entries: [{ detail: { applicationName }, rollbackPlan: 'none needed: same image' }],
    },
  }),
  tab('carol', '3. Somebody else approves.', ApproveDocument, { input: { ticketNo, comment: 'seen' } }),
  tab('alice', '4. For two hours alice may redeploy it.', TokenDocument, { applicationName }),
  tab('alice', '5. What would a restart do, and what is risky about it?', PreflightDocument, {
    input: { applicationName },
  }),
  tab('alice', '6. Restart it.', RedeployDocument, { input: { applicationName, reason: 'as the ticket says' } }),
  tab('alice', '7. Watch every pod come up, to the end.', RolloutStatusDocument, { operationId, after: 0 }),
  tab('alice', "8. The operation's record.", OperationDocument, { id: operationId }),
  tab('frank', '9. What an auditor reads a year later.', AuditTrailDocument, { ticketNo }),
];

export const storyTabs = (people: readonly GraphiqlPerson[]): GraphiqlTab[] =>
  story.map(({ username, query, variables }) => ({ query, variables, headers: headersOf(username, people) }));

/** With this person's token, and everybody else's at hand behind a comment mark: the editor's JSON may have comments. */
export function headersOf(username: string, people: readonly GraphiqlPerson[]): string {
  const isThere = people.some((person) => person.username === username);
  const lines = people.flatMap((person) => [
    `  // ${person.username}, ${person.roles.join(' ')}`,
    `  ${person.username === username ? '' : '// '}"authorization": "Bearer ${person.token}"`,
  ]);
  return ['{', ...(isThere ? lines : ['  "authorization": "Bearer "']), '}'].join('\n');
}
