import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('support/npm-audit.ts', import.meta.url));

/** The check as `npm run check` runs it, against a registry that answers as it is told. */
async function check(answer: RequestListener, registryUrl?: string): Promise<{ code: unknown; said: string }> {
  const registry = createServer((request, response) => {
    request.resume();
    answer(request, response);
  });
  registry.listen(0, '127.0.0.1');
  await once(registry, 'listening');
  const url = registryUrl ?? `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, npm_config_registry: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const said = await text(child.stdout);
  const [code] = await exited;
  registry.close();
  return { code, said };
}

const json = (body: object): RequestListener => {
  return ({ url }, response) => {
    const isAudit = url?.endsWith('/advisories/bulk') === true;
    response.writeHead(isAudit ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isAudit ? body : {}));
  };
};
const advisory = (name: string) => ({
  [name]: [
    { id: 1, url: 'https://advisory.test/1', title: 'reads too much', severity: 'high', vulnerable_versions: '*' },
  ],
});

test.concurrent('a finding in what production runs on fails, and is told', async () => {
  const { code, said } = await check(json(advisory('ioredis')));
  expect(said).toContain('high ioredis: reads too much https://advisory.test/1\n');
  expect(code).toBe(1);
});

test.concurrent('no finding passes, nor does one count in what only development needs', async () => {
  const { code, said } = await check(json(advisory('vitest')));
  expect(said).toMatch(/^npm audit: 0 findings in \d+ production dependencies\n$/);
  expect(code).toBe(0);
});

test.concurrent('a registry that does not answer audits passes, and it is said that nothing was checked', async () => {
  const { code, said } = await check((_, response) => void response.writeHead(405).end());
  expect(said).toMatch(/^npm audit: NOT CHECKED, the registry could not be asked: 405 Method Not Allowed/);
  expect(code).toBe(0);
});

test.concurrent('a registry that cannot be reached passes, and it is said that nothing was checked', async () => {
  const { code, said } = await check((_, response) => void response.end(), 'http://127.0.0.1:1');
  expect(said).toMatch(/^npm audit: NOT CHECKED, .*ECONNREFUSED/);
  expect(code).toBe(0);
});
