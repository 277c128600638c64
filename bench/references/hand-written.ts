import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { Pool } from 'pg';

const statements = {
  tickets: `select id, ticket_no as "ticketNo", status, result, category, username, reason, created_at as "createdAt"
    from ticket order by id desc limit $1`,
  entries: `select e.ticket_id as "ticketId", e.application_name as "applicationName", e.business_tags as "businessTags",
      e.success, e.completed, e.error_message as "errorMessage", a.name, a.owners, a.updated_at as "updatedAt", g.expires,
      g.revoked_at is null and g.expires > now() and (g.max_uses is null or g.uses < g.max_uses) as valid
    from ticket_entry e left join application a on a.name = e.application_name
      left join redeploy_grant g on g.entry_id = e.id
    where e.ticket_id = any($1) order by e.position`,
  approvals: `select ticket_id as "ticketId", username as approver, decision, comment, at
    from approval where ticket_id = any($1) order by id`,
  operations: `select o.* from unnest($1::int[]) t (id) cross join lateral (
      select ticket_id as "ticketId", application_name as "applicationName", rollout_status as "rolloutStatus",
        previous_image as "previousImage", current_image as "currentImage", operation_start_time as "operationStartTime",
        operation_end_time as "operationEndTime", duration_seconds as "durationSeconds", success,
        error_message as "errorMessage", new_pods as "newPods"
      from operation where ticket_id = t.id order by id desc limit 5) o`,
};

type OfTicket = { ticketId: number } & Record<string, unknown>;

/** What somebody writes who needs this one page and nothing else: four prepared statements, put together by hand. */
export async function startHandWritten(options: { connectionString: string; issuer: string; audience: string }) {
  const { connectionString, issuer, audience } = options;
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
  const pool = new Pool({ connectionString });
  const read = async <Row extends object>(name: keyof typeof statements, value: unknown): Promise<Row[]> =>
    (await pool.query<Row>({ name, text: statements[name], values: [value] })).rows;

  async function page(first: number): Promise<string> {
    const found = await read<{ id: number }>('tickets', first + 1);
    const tickets = found.slice(0, first);
    const ids = tickets.map(({ id }) => id);
    const [entries, approvals, operations] = (
      await Promise.all([
        read<OfTicket>('entries', ids),
        read<OfTicket>('approvals', ids),
        read<OfTicket>('operations', ids),
      ])
    ).map((rows) => Map.groupBy(rows, ({ ticketId }) => ticketId));
    const edges = tickets.map(({ id, ...ticket }) => ({
      node: {
        ...ticket,
        entries: (entries!.get(id) ?? []).map(
          ({ ticketId: _ticketId, name, owners, updatedAt, expires, valid, ...entry }) => ({
            ...entry,
            application: name === null ? null : { name, owners, updatedAt },
            token: expires === null ? null : { expires, valid },
          }),
        ),
        approvals: (approvals!.get(id) ?? []).map(({ ticketId: _ticketId, ...approval }) => approval),
        operations: { edges: (operations!.get(id) ?? []).map(({ ticketId: _ticketId, ...node }) => ({ node })) },
      },
    }));
    const pageInfo = { hasNextPage: found.length > first, endCursor: String(ids.at(-1)) };
    return JSON.stringify({ data: { tickets: { edges, pageInfo } } });
  }

  async function answer(request: IncomingMessage): Promise<string> {
    const [, token = ''] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    await jwtVerify(token, keys, { issuer, audience });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { variables } = JSON.parse(Buffer.concat(chunks).toString()) as { variables: { first: number } };
    return page(variables.first);
  }

  const server = createServer((request, response) => {
    answer(request).then(
      (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(body),
      () => response.writeHead(401).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      await new Promise((resolve) => server.close(resolve));
      await pool.end();
    },
  };
}
