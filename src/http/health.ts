import type { IncomingMessage, ServerResponse } from 'node:http';

/** By path, what those who run the service may ask without a sign-in. Answers hold nothing that is worth knowing. */
const checks: Readonly<Record<string, () => number>> = {
  /** The process is up and answers. Asks no dependency: one that is away is no reason to end the process. */
  '/livez': () => 200,
};

/** Answers a health check: true where it was one. */
export function answerHealth({ method, url = '' }: IncomingMessage, response: ServerResponse): boolean {
  const path = url.replace(/\?.*$/s, '');
  if (!Object.hasOwn(checks, path) || (method !== 'GET' && method !== 'HEAD')) return false;
  const status = checks[path]!();
  response.writeHead(status, { 'content-type': 'text/plain' }).end(status === 200 ? 'ok\n' : 'not ok\n');
  return true;
}
