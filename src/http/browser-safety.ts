import type { IncomingMessage, ServerResponse } from 'node:http';

/** For what browsers must not do with an answer; a page with needs of its own writes over them. */
const safeHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'content-security-policy': "frame-ancestors 'none'",
  vary: 'Origin',
};

/**
 * Sets the headers of every answer, and answers preflight requests: true where nothing is left to do. Never with
 * credentials: a browser sends no sign-in by itself, so that no foreign site acts in anybody's name.
 */
export function keepBrowsersSafe(
  { method, headers }: IncomingMessage,
  response: ServerResponse,
  corsOrigins: readonly string[],
): boolean {
  for (const [name, value] of Object.entries(safeHeaders)) response.setHeader(name, value);
  const { origin } = headers;
  const isKnown = origin !== undefined && corsOrigins.includes(origin);
  if (isKnown) {
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('access-control-expose-headers', 'Location, Retry-After');
  }
  if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return false;
  if (isKnown) {
    response.setHeader('access-control-allow-methods', 'GET, POST');
    response.setHeader('access-control-allow-headers', 'Authorization, Content-Type, Idempotency-Key');
    response.setHeader('access-control-max-age', '600');
  }
  response.writeHead(204).end();
  return true;
}

/** Browsers open WebSockets to anywhere, without a preflight; other clients send no Origin. */
export function mayOpenSocket(origin: string | undefined, host: string | undefined, corsOrigins: readonly string[]) {
  if (origin === undefined || corsOrigins.includes(origin)) return true;
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}
