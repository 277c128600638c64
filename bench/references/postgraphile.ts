import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const folder = join(import.meta.dirname, 'postgraphile');

/** It has packages of its own, 300 MB with the editor that it serves: they are fetched when they are needed. */
export async function installPostgraphile(): Promise<void> {
  if (existsSync(join(folder, 'node_modules'))) return;
  await promisify(execFile)('npm', ['ci'], { cwd: folder });
}

/** What its users tell it about tables beside their foreign keys, and a column that is computed. */
export const postgraphileTables = [
  `comment on table ticket_entry is E'@foreignKey (application_name) references application (name)'`,
  `create function redeploy_grant_valid(it redeploy_grant) returns boolean language sql stable as $$
     select it.revoked_at is null and it.expires > now() and (it.max_uses is null or it.uses < it.max_uses) $$`,
];

/** The page as the service's own document has it. */
export const postgraphileDocument = /* GraphQL */ `
  query Tickets($first: Int) {
    tickets: allTickets(first: $first, orderBy: ROW_ID_DESC) {
      edges {
        node {
          ticketNo
          status
          result
          category
          username
          reason
          createdAt
          entries: ticketEntriesByTicketIdList(orderBy: POSITION_ASC) {
            applicationName
            businessTags
            success
            completed
            errorMessage
            application: applicationByApplicationName {
              name
              owners
              updatedAt
            }
            token: redeployGrantByEntryId {
              expires
              valid
            }
          }
          approvals: approvalsByTicketIdList(orderBy: ROW_ID_ASC) {
            approver: username
            decision
            comment
            at
          }
          operations: operationsByTicketId(first: 5, orderBy: ROW_ID_DESC) {
            edges {
              node {
                applicationName
                rolloutStatus
                previousImage
                currentImage
                operationStartTime
                operationEndTime
                durationSeconds
                success
                errorMessage
                newPods
              }
            }
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`;

type Options = { connectionString: string; issuer: string; audience: string };
type Server = { url: string; stop: () => Promise<void> };

export async function startPostgraphile(options: Options): Promise<Server> {
  const server = join(folder, 'server.js');
  const { startPostgraphile } = (await import(server)) as { startPostgraphile: (options: Options) => Promise<Server> };
  return startPostgraphile(options);
}
