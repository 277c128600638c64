import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anyPorts, type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import type { Service } from '../src/service.ts';
import { type Browser, hasBrowser, openBrowser } from './support/browser.ts';
import { openTestServices, type TestServices } from './support/service.ts';
import { until } from './support/wait.ts';

const asBrowser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const storyOrder = [
  'Viewer',
  'CreateTicket',
  'Approve',
  'Token',
  'Preflight',
  'Redeploy',
  'RolloutStatus',
  'Operation',
  'AuditTrail',
];

describe('a service', () => {
  let services: TestServices;
  let service: Service;
  beforeAll(async () => {
    services = await openTestServices();
    service = await services.start({ GRAPHIQL: 'true' });
  });
  afterAll(() => services.close());

  test('shows GraphiQL to a browser only where GRAPHIQL says so', async () => {
    const without = await services.start();
    const { status, headers } = await fetch(without.url, { headers: asBrowser });
    expect([status, headers.get('content-type')]).toEqual([401, expect.stringContaining('json')]);
    expect((await fetch(service.url, { headers: asBrowser })).status).toBe(200);
  });

  test.for([
    { method: 'GET', headers: { accept: 'application/json' } },
    { method: 'GET', headers: { accept: '*/*' } },
    {
      method: 'POST',
      headers: { ...asBrowser, 'content-type': 'application/json' },
      body: '{"query":"{ __typename }"}',
    },
  ])('lets in nobody else for it: $method with $headers', async (request) => {
    expect((await fetch(service.url, request)).status).toBe(401);
  });

  test('shows a page that holds no token, may load nothing from elsewhere, and may be framed by nobody', async () => {
    const response = await fetch(service.url, { headers: asBrowser });
    const html = await response.text();
    expect(html).not.toMatch(/Bearer [\w-]+\./);
    expect(html).toContain('\\"authorization\\": \\"Bearer \\"');
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-encoding': 'gzip',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    });
    const policy = response.headers.get('content-security-policy')!.split('; ');
    const { length } = policy.filter((directive) => /^script-src( 'sha256-[\w+/]{43}=')+$/.test(directive));
    expect(length).toBe(1);
    expect(policy).toEqual(
      expect.arrayContaining(["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]),
    );
    expect(policy.join()).not.toMatch(/https?:|\*|unsafe-eval/);
  });

  test('sends the page once: what the browser still has is 304; who cannot gunzip gets it as it is', async () => {
    const { headers } = await fetch(service.url, { headers: asBrowser });
    const again = await fetch(service.url, { headers: { ...asBrowser, 'if-none-match': headers.get('etag')! } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    const plain = await fetch(service.url, { headers: { ...asBrowser, 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(await plain.text()).toMatch(/^<!doctype html>/);
  });
});

describe.skipIf(!hasBrowser)('in Chromium (skipped where /usr/bin/chromium is missing)', () => {
  let folder: string;
  let sandbox: Sandbox;
  let browser: Browser;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'test-sandbox-'));
    sandbox = await startSandbox(folder, pino({ level: 'silent' }), {}, anyPorts);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await sandbox.stop();
    await rm(folder, { recursive: true });
  });

  const answer = async (): Promise<string> => {
    const text = await browser.page.locator('.graphiql-response .view-lines').first().innerText();
    return text.replace(/\s+/g, ' '); // the editor breaks long lines
  };
  const valueOf = async (name: string): Promise<string | undefined> =>
    new RegExp(`"${name}":\\s+"([^"]+)"`).exec(await answer())?.[1]?.replace(/\s/g, '');
  /** Typed, the editor would close each bracket itself. */
  const paste = (text: string): Promise<void> =>
    browser.page.evaluate(`{
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', ${JSON.stringify(text)});
      document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    }`);
  const run = async (tab: string, expected: RegExp, variables?: object): Promise<void> => {
    const { page } = browser;
    await page.locator('.graphiql-tab-button').getByText(tab, { exact: true }).click();
    if (variables) {
      await page.getByRole('button', { name: 'Variables' }).click();
      await page.locator('section[aria-label=Variables] .view-lines').first().click();
      await page.keyboard.press('Control+A');
      await paste(JSON.stringify(variables));
    }
    await page.locator('.graphiql-execute-button').click();
    await until(`${tab} answers ${expected}`, async () => expected.test(await answer()));
  };

  test("the sandbox's page plays the story with everybody's tokens at hand, and asks nobody but the service", async () => {
    const { page } = browser;
    const { url, subscriptionsUrl, personas } = sandbox.session;
    const frames: string[] = [];
    page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => frames.push(String(payload))));

    await page.goto(`${url}?query=mutation%20%7B%20x%20%7D`);
    await page.locator('.graphiql-tab-button').first().waitFor();
    expect(await page.title()).toBe('Cratos Redeploy');
    expect(await page.locator('.graphiql-tab-button').allInnerTexts()).toEqual(storyOrder);

    await run('Viewer', /"username": "alice"/);
    await mkdir('coverage', { recursive: true });
    await page.screenshot({ path: 'coverage/graphiql-viewer.png' });
    await run('CreateTicket', /"status": "PENDING_APPROVAL"/);
    const ticketNo = await valueOf('ticketNo');
    await run('Approve', /"approver": "carol"/, { input: { ticketNo } });
    await run('Token', /"valid": true/);
    await run('Preflight', /"warnings"/);
    await run('Redeploy', /"rolloutStatus": "(STARTED|PROGRESSING)"/);
    const operationId = await valueOf('id');
    await run('RolloutStatus', /"status": "COMPLETED"/, { operationId, after: 0 });
    await page.screenshot({ path: 'coverage/graphiql-rollout-status.png' });
    await run('Operation', /"success": true/, { id: operationId });
    await run('AuditTrail', /asked for an emergency redeploy of api-gateway/, { ticketNo });

    const { token } = personas.find(({ username }) => username === 'alice')!;
    expect(JSON.parse(frames[0]!)).toEqual({
      type: 'connection_init',
      payload: { authorization: `Bearer ${token}` },
    });
    expect(page.url()).toBe(url);
    expect(browser.origins().toSorted()).toEqual([new URL(url).origin, new URL(subscriptionsUrl).origin].toSorted());
    expect(browser.complaints).toEqual([]);
  }, 60_000);

  test('a page that was asked for by another name than loopback holds no token', async () => {
    const { url, personas } = sandbox.session;
    const { request } = await import('node:http');
    const html = await new Promise<string>((resolve, reject) => {
      const asked = request(url, { headers: { ...asBrowser, host: 'rebound.test' } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      });
      asked.on('error', reject).end();
    });
    expect(html).toContain('</html>');
    expect(personas.filter(({ token }) => html.includes(token))).toEqual([]);
  });
});
