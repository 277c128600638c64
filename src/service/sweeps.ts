import { setTimeout as pause } from 'node:timers/promises';
import { WebhookReceiver } from '../adapters/webhook/webhook-receiver.ts';
import type { Dependencies, Desk } from '../operations/dependencies.ts';
import { expiringTokensSweep } from '../operations/expiring-tokens.ts';
import { tidyOutbox } from '../operations/outbox.ts';
import { sendNotifications } from '../operations/outbox-sending.ts';
import type { Config } from '../settings/config.ts';

/** How often what is left undone is looked for. */
const sweepMs = 1_000;

/** What a crash or an absent dependency left undone is taken up again. */
export async function sweep(
  desk: Desk,
  works: readonly ((deps: Dependencies) => Promise<void>)[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const work of works) {
      await work(desk).catch((error: unknown) => desk.log.warn({ err: error }, `${work.name} failed`));
    }
    await pause(sweepMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Tells the webhook's receiver, however long that one takes: nothing else waits for it. */
export async function tell(desk: Desk, webhook: NonNullable<Config['webhook']>, signal: AbortSignal): Promise<void> {
  const receiver = new WebhookReceiver(webhook);
  const works = [expiringTokensSweep(webhook.tokenExpiresSoonMinutes), tidyOutbox];
  await Promise.all([sendNotifications(desk, receiver, signal), sweep(desk, works, signal)]);
  await receiver.close();
}
