import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cloudEvent } from '../../src/adapters/webhook/cloud-event.ts';
import { WebhookReceiver } from '../../src/adapters/webhook/webhook-receiver.ts';
import { readConfig } from '../../src/settings/config.ts';
import { notificationTypes } from '../../src/domain/notifications.ts';
import { newMessage } from '../support/messages.ts';
import { type Delivery, TestReceiver } from '../support/receiver.ts';

const text = await readFile(join(import.meta.dirname, '../../docs/webhooks.md'), 'utf8');
const block = (language: string): string => text.match(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'ms'))![1]!;
const firstColumn = Array.from(text.matchAll(/^\| (`.*?) *\|/gm), ([, cell]) => cell!.replaceAll('`', '').split(', '));

type Verify = (headers: Delivery['headers'], body: string, secret: string, now?: number) => boolean;
const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';
const own = 'a secret of one’s own, of 32 characters';

let folder: string;
let isAuthentic: Verify;
const deliveries: Record<string, Delivery> = {};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'test-webhooks-'));
  await writeFile(join(folder, 'verify.mjs'), block('js'));
  ({ isAuthentic } = (await import(join(folder, 'verify.mjs'))) as { isAuthentic: Verify });
  const receiver = await TestReceiver.open();
  for (const key of [secret, own]) {
    const webhook = new WebhookReceiver({ url: receiver.url, secret: key, format: 'cloudevents' });
    await webhook.deliver(newMessage(), new AbortController().signal);
    deliveries[key] = receiver.deliveries.at(-1)!;
    await webhook.close();
  }
  await receiver.close();
});
afterAll(() => rm(folder, { recursive: true }));

describe('the code that verifies a signature', () => {
  test.for([secret, own])('accepts what was sent with %s', (key) => {
    const { headers, body } = deliveries[key]!;
    expect(isAuthentic(headers, body, key)).toBe(true);
    const rotating = { ...headers, 'webhook-signature': `v1,AAAA ${String(headers['webhook-signature'])}` };
    expect(isAuthentic(rotating, body, key)).toBe(true);
  });

  test('refuses another body, id, time, secret or signature, and what is old', () => {
    const { headers, body } = deliveries[secret]!;
    const seconds = Number(headers['webhook-timestamp']);
    expect(isAuthentic(headers, body.replace('alice', 'mallory'), secret)).toBe(false);
    expect(isAuthentic({ ...headers, 'webhook-id': 'a1b2c3d4-8' }, body, secret)).toBe(false);
    expect(isAuthentic({ ...headers, 'webhook-timestamp': String(seconds + 1) }, body, secret)).toBe(false);
    expect(isAuthentic(headers, body, own)).toBe(false);
    expect(isAuthentic({ ...headers, 'webhook-signature': 'v1,' }, body, secret)).toBe(false);
    expect(isAuthentic({}, body, secret)).toBe(false);
    expect(isAuthentic(headers, body, secret, (seconds + 301) * 1000)).toBe(false);
  });
});

test('the table of events names every type, and no other', () => {
  const named = firstColumn.flat().filter((name) => name.includes('.'));
  expect(named.toSorted()).toEqual([...notificationTypes].toSorted());
});

test('the table of settings names every setting that there is, with its default', () => {
  const named = firstColumn.flat().filter((name) => /^[A-Z_]+$/.test(name));
  const base = {
    DATABASE_URL: 'postgresql://db.test/redeploy',
    REDIS_URL: 'redis://redis.test',
    OIDC_ISSUER: 'https://it.test',
  };
  const config = readConfig({ ...base, WEBHOOK_URL: 'https://hooks.test/in', WEBHOOK_SECRET: secret });
  expect(named).toEqual([
    'WEBHOOK_URL',
    'WEBHOOK_SECRET',
    'WEBHOOK_FORMAT',
    'WEBHOOK_ALLOW_HTTP',
    'TOKEN_EXPIRES_SOON_MINUTES',
  ]);
  expect(config.webhook).toEqual({
    url: 'https://hooks.test/in',
    secret,
    format: 'cloudevents',
    tokenExpiresSoonMinutes: 15,
  });
});

test('the example has the fields of an event', () => {
  const example = JSON.parse(block('json')) as { data: object };
  const event = cloudEvent(newMessage()) as { data: object };
  expect(Object.keys(example)).toEqual(Object.keys(event));
  expect(Object.keys(example.data).toSorted()).toEqual(Object.keys(event.data).toSorted());
});
