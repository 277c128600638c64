import { setTimeout as pause } from 'node:timers/promises';
import { NotDelivered, type Receiver } from '../domain/notifications.ts';
import type { Dependencies } from './dependencies.ts';
import { type ClaimedMessage, claimMessages, claimSeconds, putBack, recordDelivery } from './outbox.ts';

export type SendingTiming = { lookMs: number; firstPauseMs: number; longestPauseMs: number; claimSeconds: number };
const defaultTiming: SendingTiming = { lookMs: 1_000, firstPauseMs: 1_000, longestPauseMs: 300_000, claimSeconds };

/** A receiver that hangs keeps no more than these busy. */
const atOnce = 8;

/**
 * Sends what the outbox holds until the signal comes: at least once, and in order within a ticket. What fails comes
 * again after a pause that doubles; until then it blocks the later ones of its ticket and nothing else. Every replica
 * sends. No transaction is open while the receiver is waited for.
 */
export async function sendNotifications(
  deps: Pick<Dependencies, 'orm' | 'log'>,
  receiver: Receiver,
  signal: AbortSignal,
  timing: SendingTiming = defaultTiming,
): Promise<void> {
  const sending = new Set<Promise<void>>();
  while (!signal.aborted) {
    for (const claimed of await claim(deps, atOnce - sending.size, timing)) {
      const one = send(deps, receiver, claimed, signal, timing).finally(() => sending.delete(one));
      sending.add(one);
    }
    await oneIsSentOr(timing.lookMs, sending, signal);
  }
  await Promise.all(sending);
}

async function claim(
  deps: Pick<Dependencies, 'orm' | 'log'>,
  atMost: number,
  timing: SendingTiming,
): Promise<ClaimedMessage[]> {
  if (atMost === 0) return [];
  try {
    return await claimMessages(deps, atMost, timing.claimSeconds);
  } catch (error) {
    deps.log.warn({ err: error }, 'the outbox cannot be read');
    return [];
  }
}

async function oneIsSentOr(milliseconds: number, sending: Iterable<Promise<void>>, signal: AbortSignal): Promise<void> {
  const isOver = new AbortController();
  const over = AbortSignal.any([signal, isOver.signal]);
  await Promise.race([...sending, pause(milliseconds, undefined, { signal: over }).catch(() => undefined)]);
  isOver.abort();
}

/** Never throws: what cannot be marked is claimed again when its time is over, and sent twice. */
async function send(
  deps: Pick<Dependencies, 'orm' | 'log'>,
  receiver: Receiver,
  claimed: ClaimedMessage,
  signal: AbortSignal,
  timing: SendingTiming,
): Promise<void> {
  const { message, attempts } = claimed;
  const about = { notificationId: message.id, attempts };
  try {
    const failure = await deliver(receiver, claimed, signal);
    if (failure === null) return await recordDelivery(deps, claimed);
    if (signal.aborted) return await putBack(deps, claimed, 0);
    const pauseMs = pauseAfter(attempts, failure.retryAfterSeconds, timing);
    deps.log.warn({ ...about, reason: failure.message, pauseMs }, 'notification not delivered');
    await putBack(deps, claimed, pauseMs);
  } catch (error) {
    deps.log.warn({ ...about, err: error }, 'what became of a notification is not recorded');
  }
}

async function deliver(
  receiver: Receiver,
  { message }: ClaimedMessage,
  signal: AbortSignal,
): Promise<NotDelivered | null> {
  try {
    await receiver.deliver(message, signal);
    return null;
  } catch (error) {
    if (error instanceof NotDelivered) return error;
    throw error;
  }
}

/** Doubles with each attempt; half of it is chance, so that what failed together does not come again together. */
export function pauseAfter(
  attempts: number,
  retryAfterSeconds: number | null,
  { firstPauseMs, longestPauseMs }: SendingTiming = defaultTiming,
): number {
  const pauseMs = Math.min(firstPauseMs * 2 ** (attempts - 1), longestPauseMs) * (0.5 + Math.random() / 2);
  return Math.max(pauseMs, Math.min((retryAfterSeconds ?? 0) * 1_000, longestPauseMs));
}
