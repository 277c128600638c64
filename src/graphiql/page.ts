import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Logger } from 'pino';
import { type GraphiqlPerson, headersOf, storyTabs } from './tabs.ts';

export type GraphiqlSettings = {
  /** Whose tokens the page holds. Nobody's, but in the sandbox. */
  people: readonly GraphiqlPerson[];
};

type Page = { gzipped: Buffer; headers: OutgoingHttpHeaders };

/** A browser that was led to the endpoint; what the page asks for then comes without text/html. */
export const isForGraphiql = ({ method, url, headers }: IncomingMessage, endpoint: string): boolean =>
  method === 'GET' && url?.split('?')[0] === endpoint && headers.accept?.includes('text/html') === true;

/**
 * Serves GraphiQL. The page needs no sign-in and holds no data; everything it asks does. Built when it is first asked
 * for, since it is 9 MB. Never throws.
 */
export function graphiqlPage(
  settings: GraphiqlSettings,
  log: Logger,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const pages = new Map<boolean, Promise<Page>>();
  return async (request, response) => {
    try {
      // By another name than loopback's a foreign site may have led the browser here, to read the page (DNS rebinding).
      const withPeople = isLoopback(request.headers.host);
      const people = withPeople ? settings.people : [];
      if (!pages.has(withPeople)) pages.set(withPeople, buildPage(people));
      await send(await pages.get(withPeople)!, request, response);
    } catch (error) {
      log.error({ err: error }, 'GraphiQL not served');
      pages.clear();
      response.writeHead(500).end();
    }
  };
}

async function send({ gzipped, headers }: Page, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.headers['if-none-match'] === headers['etag']) {
    response.writeHead(304, headers).end();
  } else if (request.headers['accept-encoding']?.includes('gzip')) {
    response.writeHead(200, { ...headers, 'content-encoding': 'gzip', 'content-length': gzipped.length }).end(gzipped);
  } else {
    response.writeHead(200, headers).end(await promisify(gunzip)(gzipped));
  }
}

async function buildPage(people: readonly GraphiqlPerson[]): Promise<Page> {
  const parts = await import('@graphql-yoga/render-graphiql/graphiql');
  const scripts = [parts.js, await readFile(graphqlWsFile, 'utf8'), await readFile(browserFile, 'utf8')];
  const settings = {
    tabs: storyTabs(people),
    defaultHeaders: headersOf('alice', people),
    keepsHeaders: people.length > 0,
    workers: { editorWorkerService: parts.editorWorkerService, json: parts.jsonWorker, graphql: parts.graphqlWorker },
  };
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Cratos Redeploy</title>
<link rel="icon" href="data:,">
<style>${parts.css}
${tabsStandStill}</style>
<body class="no-focus-outline">
<noscript>GraphiQL needs JavaScript.</noscript>
<div id="root"></div>
<script type="application/json" id="settings">${JSON.stringify(settings).replaceAll('<', '\\u003c')}</script>
${scripts.map((script) => `<script>${script}</script>`).join('\n')}
</html>
`;
  return { gzipped: await promisify(gzip)(html), headers: headersFor(html, scripts) };
}

/** GraphiQL moves a tab out of the way as soon as the mouse goes down on it; nobody could click one. */
const tabsStandStill = '.graphiql-tab { transform: none !important; }';

const headersFor = (html: string, scripts: readonly string[]): OutgoingHttpHeaders => ({
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': [
    "default-src 'none'",
    `script-src ${scripts.map((script) => `'sha256-${sha256(script)}'`).join(' ')}`,
    'worker-src blob:',
    "style-src 'unsafe-inline'", // the editor writes its styles as it goes
    'font-src data:',
    'img-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-cache',
  vary: 'accept, accept-encoding',
  etag: `"${sha256(html)}"`,
});

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64');

const isLoopback = (host: string | undefined): boolean => /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host ?? '');

const browserFile = new URL('browser.js', import.meta.url);
/** Its package does not export the one file that a browser can run as it is. */
const graphqlWsFile = join(
  dirname(createRequire(import.meta.url).resolve('graphql-ws/package.json')),
  'umd/graphql-ws.min.js',
);
