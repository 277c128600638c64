import { Agent, request } from 'undici';
import { deliveryMs, type Message, NotDelivered, type Receiver } from '../../domain/notifications.ts';
import { cloudEvent } from './cloud-event.ts';
import { signatureHeaders } from './signature.ts';
import { slackMessage } from './slack-message.ts';

export const webhookFormats = ['cloudevents', 'slack'] as const;
export type WebhookFormat = (typeof webhookFormats)[number];

/** The address is a secret too: who knows it may post to a Slack channel. */
export type WebhookSettings = { url: string; secret: string; format: WebhookFormat };

const formats: Record<WebhookFormat, { contentType: string; write: (message: Message) => object }> = {
  cloudevents: { contentType: 'application/cloudevents+json', write: cloudEvent },
  slack: { contentType: 'application/json', write: slackMessage },
};

/** Any status of 2xx is a delivery; redirects are not followed, and what the receiver answers besides is not read. */
export class WebhookReceiver implements Receiver {
  readonly #settings: WebhookSettings;
  readonly #deliveryMs: number;
  readonly #agent = new Agent({ connect: { timeout: 5_000 } });

  constructor(settings: WebhookSettings, timeoutMs = deliveryMs) {
    this.#settings = settings;
    this.#deliveryMs = timeoutMs;
  }

  async deliver(message: Message, signal: AbortSignal): Promise<void> {
    const { statusCode, retryAfter } = await this.#post(message, signal).catch((error: unknown) => {
      throw new NotDelivered(reasonOf(error));
    });
    if (statusCode < 200 || statusCode > 299) throw new NotDelivered(`HTTP ${statusCode}`, secondsOf(retryAfter));
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #post(message: Message, signal: AbortSignal): Promise<{ statusCode: number; retryAfter: unknown }> {
    const { url, secret, format } = this.#settings;
    const { contentType, write } = formats[format];
    const body = JSON.stringify(write(message));
    const {
      statusCode,
      headers,
      body: answer,
    } = await request(url, {
      method: 'POST',
      // Signed anew each time: receivers refuse what was signed some minutes ago.
      headers: {
        'content-type': contentType,
        'user-agent': 'cratos-redeploy',
        ...signatureHeaders(secret, message.id, new Date(), body),
      },
      body,
      dispatcher: this.#agent,
      signal: AbortSignal.any([signal, AbortSignal.timeout(this.#deliveryMs)]),
    });
    // The status has decided; a short answer is read over so that the connection can be used again.
    await answer.dump({ limit: 16_384 }).catch(() => undefined);
    return { statusCode, retryAfter: headers['retry-after'] };
  }
}

/** Never the error's own message: it may tell the address. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

const secondsOf = (retryAfter: unknown): number | null =>
  typeof retryAfter === 'string' && /^\d+$/.test(retryAfter) ? Number(retryAfter) : null;
