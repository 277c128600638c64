import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { signatureHeaders } from '../../../src/adapters/webhook/signature.ts';
import { WebhookReceiver, type WebhookSettings } from '../../../src/adapters/webhook/webhook-receiver.ts';
import { NotDelivered } from '../../../src/domain/notifications.ts';
import { newMessage } from '../../support/messages.ts';
import { isSigned, taken, TestReceiver } from '../../support/receiver.ts';
import { until } from '../../support/wait.ts';

const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';
const never = new AbortController().signal;

let receiver: TestReceiver;
let webhook: WebhookReceiver;
const send = (changes: Partial<WebhookSettings> = {}, timeoutMs?: number) => {
  webhook = new WebhookReceiver({ url: receiver.url, secret, format: 'cloudevents', ...changes }, timeoutMs);
  return webhook.deliver(newMessage(), never);
};
const failureOf = async (sent: Promise<void>): Promise<NotDelivered> => {
  const error = await sent.then(
    () => new Error('it was delivered'),
    (refusal: unknown) => refusal,
  );
  if (error instanceof NotDelivered) return error;
  throw error;
};
beforeEach(async () => {
  receiver = await TestReceiver.open();
});
afterEach(async () => {
  await webhook?.close();
  await receiver.close();
});

test("the signature is that of Standard Webhooks' own example", () => {
  const sentAt = new Date(1_614_265_330_999);
  const example = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'msg_p5jXN8AQM9LWM0D4loKWxJek', sentAt] as const;
  expect(signatureHeaders(...example, '{"test": 2432232314}')).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test.for([secret, 'a secret of one’s own, of 32 characters'])(
  'a receiver with the secret can verify it: %s',
  async (it) => {
    await send({ secret: it });
    const delivery = receiver.deliveries[0]!;
    expect(await isSigned(delivery, it)).toBe(true);
    expect(await isSigned({ ...delivery, body: `${delivery.body} ` }, it)).toBe(false);
    expect(await isSigned(delivery, `${it.slice(0, -4)}AAAA`)).toBe(false);
    expect(Math.abs(Date.now() / 1000 - Number(delivery.headers['webhook-timestamp']))).toBeLessThan(60);
  },
);

test('it is a CloudEvent in structured mode, whose partitionkey and sequence give the order', async () => {
  await send();
  const { headers, event } = receiver.deliveries[0]!;
  expect(headers['content-type']).toBe('application/cloudevents+json');
  expect(headers['webhook-id']).toBe('a1b2c3d4-7');
  const { data } = newMessage();
  expect(event).toEqual({
    specversion: '1.0',
    id: 'a1b2c3d4-7',
    source: '/cratos-redeploy',
    type: 'dev.cratos.redeploy.operation.started',
    subject: 'a1b2c3d4',
    time: '2025-08-22T10:00:00.000Z',
    datacontenttype: 'application/json',
    partitionkey: 'a1b2c3d4',
    sequence: '000000000042',
    data: { ...data, applications: ['web', 'api'] },
  });
});

test('Slack gets its own form, signed all the same', async () => {
  await send({ format: 'slack' });
  const delivery = receiver.deliveries[0]!;
  expect(delivery.headers['content-type']).toBe('application/json');
  expect(Object.keys(delivery.event)).toEqual(['text', 'mrkdwn', 'blocks']);
  expect(await isSigned(delivery, secret)).toBe(true);
});

describe('it is delivered', () => {
  test.for([200, 202, 204])('with HTTP %i', async (status) => {
    receiver.answer = (response) => response.writeHead(status).end();
    await send();
    expect(receiver.deliveries).toHaveLength(1);
  });

  test('however much the receiver goes on to say: no more than a little is read', async () => {
    let written = 0;
    let isClosed = false;
    receiver.answer = (response) => {
      const endless = new Readable({ read: () => (endless.push(Buffer.alloc(65_536)), (written += 65_536)) });
      response.on('close', () => (isClosed = true)).writeHead(200);
      endless.pipe(response);
    };
    await send();
    await until('the connection is closed', () => isClosed);
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  test('when the receiver hangs in the middle of its answer, since the status has decided', async () => {
    receiver.answer = (response) => response.writeHead(200).write('and');
    await send({}, 100);
    expect(receiver.deliveries).toHaveLength(1);
  });
});

describe('it is not delivered', () => {
  test.for([300, 400, 404, 410, 429, 500, 503])('with HTTP %i', async (status) => {
    receiver.answer = (response) => response.writeHead(status).end('no');
    expect(await failureOf(send())).toMatchObject({ message: `HTTP ${status}`, retryAfterSeconds: null });
  });

  test.for([301, 302, 307, 308])('with a redirect, which is not followed: HTTP %i', async (status) => {
    const other = await TestReceiver.open();
    receiver.answer = (response) => response.writeHead(status, { location: other.url }).end();
    expect(await failureOf(send())).toMatchObject({ message: `HTTP ${status}` });
    expect(other.deliveries).toEqual([]);
    await other.close();
  });

  test.for([
    ['120', 120],
    ['Wed, 21 Oct 2026 07:28:00 GMT', null],
  ] as const)('and says when to come again: Retry-After %s', async ([retryAfter, seconds]) => {
    receiver.answer = (response) => response.writeHead(429, { 'retry-after': retryAfter }).end();
    expect((await failureOf(send())).retryAfterSeconds).toBe(seconds);
  });

  test('when the receiver takes it and never answers', async () => {
    receiver.answer = () => undefined;
    expect((await failureOf(send({}, 100))).message).toBe('TimeoutError');
    expect(receiver.deliveries).toHaveLength(1);
  });

  test('when the sender is stopped', async () => {
    receiver.answer = () => undefined;
    const stop = new AbortController();
    webhook = new WebhookReceiver({ url: receiver.url, secret, format: 'cloudevents' });
    const sent = failureOf(webhook.deliver(newMessage(), stop.signal));
    await until('it is on its way', () => receiver.deliveries.length === 1);
    stop.abort();
    expect((await sent).message).toBe('AbortError');
  });

  test('when the connection breaks', async () => {
    receiver.answer = (response) => response.socket?.resetAndDestroy();
    expect((await failureOf(send())).message).toMatch(/^(UND_ERR_SOCKET|ECONNRESET)$/);
  });

  test('when nobody listens', async () => {
    await receiver.close();
    const refused = await failureOf(send());
    expect(refused.message).toBe('ECONNREFUSED');
    receiver = await TestReceiver.open();
  });
});

test.for([
  ['refused', (url: string) => url.replace(/:\d+/, ':1')],
  ['not found', (url: string) => url.replace('127.0.0.1', 'nowhere.invalid')],
  ['answered with 500', (url: string) => url],
] as const)(
  'neither the failure of a receiver that is %s nor the webhook itself shows secret or address',
  async ([, at]) => {
    receiver.answer = (response) => response.writeHead(500).end();
    const failure = await failureOf(send({ url: at(receiver.url) }));
    for (const shown of [inspect(failure, { depth: 9 }), JSON.stringify(webhook), inspect(webhook, { depth: 9 })]) {
      expect(shown).not.toContain(secret);
      expect(shown).not.toContain('/hooks/in');
    }
    receiver.answer = taken;
  },
);
