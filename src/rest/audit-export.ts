import type { IncomingMessage } from 'node:http';
import { RedeployError } from '../domain/errors.ts';
import type { SignIn } from '../domain/sign-in.ts';
import { exportAuditRecords, requireMayExport } from '../operations/audit-export.ts';
import type { Desk } from '../operations/dependencies.ts';
import { perform } from '../operations/refusals.ts';
import { exportTexts } from './audit-lines.ts';
import type { Reply } from './problems.ts';
import { readQuery } from './requests.ts';

export const exportTypes = { ndjson: 'application/x-ndjson', csv: 'text/csv; charset=utf-8; header=present' } as const;

const lists = ['level', 'kind', 'outcome'] as const;
export const exportParameters = [
  ...(['after', 'from', 'to', 'ticketNo', 'operationId', 'username', 'applicationName', 'namespace'] as const),
  ...lists,
  'text',
] as const;

type Call = { desk: Desk; signIn: SignIn; request: IncomingMessage };

/** The record as a stream. */
export async function exportRecord({ desk, signIn, request }: Call, format: keyof typeof exportTypes): Promise<Reply> {
  const query = readQuery(request, exportParameters);
  const input = { ...query, ...Object.fromEntries(lists.map((name) => [name, query[name]?.split(',')])), format };
  const headers = {
    'content-type': exportTypes[format],
    'content-disposition': `attachment; filename="audit-records.${format}"`,
  };
  if (request.method === 'HEAD') {
    requireMayExport(signIn.actor);
    return { status: 200, headers, pieces: [] };
  }
  const records = await perform(desk, signIn.actor, exportAuditRecords, input);
  return { status: 200, headers, pieces: whileSignedIn(signIn, exportTexts[format](records)) };
}

/** As over a WebSocket: only for as long as the sign-in holds. Whoever signs in anew goes on from the last id. */
async function* whileSignedIn({ expiresAt }: SignIn, pieces: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const piece of pieces) {
    if (Date.now() >= expiresAt.getTime()) throw new RedeployError('UNAUTHENTICATED', 'the sign-in token has expired');
    yield piece;
  }
}
