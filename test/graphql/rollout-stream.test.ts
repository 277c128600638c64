import { describe, expect, test } from 'vitest';
import type { RolloutEvent, RolloutStatus } from '../../src/domain/rollout.ts';
import {
  longestPending,
  longestPendingForReceiver,
  recordPageSize,
  RolloutStream,
} from '../../src/graphql/rollout-stream.ts';

const event = (sequence: number, status: RolloutStatus = 'PROGRESSING'): RolloutEvent => ({
  operationId: 'op-1',
  sequence,
  status,
  message: '',
  at: new Date(0),
  failures: [],
  newPods: [],
  newPodCount: 0,
  terminatedPods: [],
  terminatedPodCount: 0,
  replicas: {
    desired: 0,
    updated: 0,
    ready: 0,
    available: 0,
    old: 0,
  },
});

const noRecord = (): Promise<RolloutEvent[]> => Promise.reject(new Error('nothing should be read'));

/** A record that grows, and that hands out pages as the database does. */
function record(last: number) {
  const reads: number[] = [];
  const stored = Array.from({ length: last }, (_, index) => event(index + 1));
  return {
    reads,
    stored,
    readAfter: async (after: number) => {
      reads.push(after);
      return stored.filter(({ sequence }) => sequence > after).slice(0, recordPageSize);
    },
  };
}

async function takeAll(stream: RolloutStream, count: number): Promise<number[]> {
  const numbers: number[] = [];
  while (numbers.length < count) {
    const { done, value } = await stream.next();
    if (done) break;
    numbers.push(value.sequence);
  }
  return numbers;
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('a subscriber without a number', () => {
  test('gets the present state first and what follows it, however early that came', async () => {
    const stream = new RolloutStream(null, noRecord);
    for (const early of [4, 5, 6, 7]) stream.take(event(early));
    stream.beginWith(event(5));
    expect(await takeAll(stream, 3)).toEqual([5, 6, 7]);
  });

  test('gets no event twice and none that is older than the last', async () => {
    const stream = new RolloutStream(null, noRecord);
    stream.beginWith(event(5));
    for (const again of [5, 4, 6, 6, 5, 7, 6]) stream.take(event(again));
    expect(await takeAll(stream, 3)).toEqual([5, 6, 7]);
    stream.take(event(6));
    stream.take(event(8));
    expect(await takeAll(stream, 1)).toEqual([8]);
  });
});

describe('a subscriber behind a number', () => {
  test('gets every event of the record behind it, over several pages', async () => {
    const { readAfter, reads } = record(recordPageSize * 2 + 5);
    const stream = new RolloutStream(3, readAfter);
    expect(await takeAll(stream, recordPageSize * 2 + 2)).toEqual(numbers(4, recordPageSize * 2 + 5));
    expect(reads).toEqual([3, recordPageSize + 3, recordPageSize * 2 + 3]);
  });

  test.for([3, longestPending, longestPending + 1, longestPending * 5])(
    'loses nothing of what comes while the record is read: %i events',
    async (count) => {
      const { readAfter, stored } = record(10);
      const coming = numbers(11, 10 + count);
      let highest = 0;
      const stream: RolloutStream = new RolloutStream(0, async (after) => {
        const page = await readAfter(after);
        for (const sequence of coming.splice(0)) {
          stored.push(event(sequence));
          stream.take(event(sequence));
          highest = Math.max(highest, stream.pendingCount);
        }
        return page;
      });
      for (const known of [9, 10]) stream.take(event(known));
      expect(await takeAll(stream, 10 + count)).toEqual(numbers(1, 10 + count));
      expect(highest).toBeLessThanOrEqual(longestPending);
    },
  );

  test('is told of a record that cannot be read, and holds nothing any more', async () => {
    const stream = new RolloutStream(0, () => Promise.reject(new Error('the database is away')));
    let leaves = 0;
    stream.onReturn(() => (leaves += 1));
    await expect(stream.next()).rejects.toThrow('the database is away');
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(leaves).toBe(1);
  });
});

describe('a client that takes nothing', () => {
  test('holds a bounded number of events and then the newest of each status, the final one among them', async () => {
    const stream = new RolloutStream(null, noRecord);
    stream.beginWith(event(1, 'STARTED'));
    let highest = 0;
    for (const sequence of numbers(2, 9_998)) {
      stream.take(event(sequence));
      highest = Math.max(highest, stream.pendingCount);
    }
    stream.take(event(9_999, 'VERIFYING'));
    stream.take(event(10_000, 'FAILED'));
    expect(highest).toBeLessThanOrEqual(longestPending);
    const got = await takeAll(stream, Number.POSITIVE_INFINITY);
    expect(got).toEqual(got.toSorted((a, b) => a - b));
    expect(got[0]).toBe(1);
    expect(got.slice(-3)).toEqual([9_998, 9_999, 10_000]);
  });

  test('holds fewer where it is handed them: its socket is full already', async () => {
    const stream = new RolloutStream(null, noRecord);
    const got: number[] = [];
    const left = Promise.withResolvers<void>();
    const ended = stream.handTo({
      receive: ({ sequence }) => {
        got.push(sequence);
        return sequence === 1 ? left.promise : null;
      },
    });
    for (const sequence of numbers(1, 1_000)) {
      stream.take(event(sequence));
      expect(stream.pendingCount).toBeLessThanOrEqual(longestPendingForReceiver);
    }
    stream.take(event(1_001, 'FAILED'));
    expect(got).toEqual([1]);
    left.resolve();
    await ended;
    expect(got).toEqual(got.toSorted((a, b) => a - b));
    expect(got.slice(-2)).toEqual([1_000, 1_001]);
  });

  test('holds no more when its statuses alternate than when they do not', () => {
    const stream = new RolloutStream(null, noRecord);
    const statuses = ['STARTED', 'PROGRESSING', 'VERIFYING'] as const;
    for (const sequence of numbers(1, 1_000)) stream.take(event(sequence, statuses[sequence % 3]));
    expect(stream.pendingCount).toBeLessThanOrEqual(longestPending);
  });

  test('skips nothing as long as it is no slower than the bound allows', async () => {
    const stream = new RolloutStream(null, noRecord);
    stream.beginWith(event(1));
    for (const sequence of numbers(2, longestPending)) stream.take(event(sequence));
    expect(await takeAll(stream, longestPending)).toEqual(numbers(1, longestPending));
  });
});

describe('the end', () => {
  test.for(['COMPLETED', 'FAILED', 'TIMED_OUT', 'SUPERSEDED'] as const)('%s is the last event', async (status) => {
    const stream = new RolloutStream(null, noRecord);
    let leaves = 0;
    stream.onReturn(() => (leaves += 1));
    stream.beginWith(event(1, status));
    expect(await stream.next()).toMatchObject({ done: false, value: { status } });
    expect(leaves).toBe(1);
    stream.take(event(2));
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(stream.pendingCount).toBe(0);
  });

  test('return ends every next that waits', async () => {
    const stream = new RolloutStream(null, noRecord);
    const waiting = [stream.next(), stream.next()];
    await stream.return();
    expect(await Promise.all(waiting)).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
  });

  test('return while the record is read hands out nothing of it', async () => {
    const page = Promise.withResolvers<RolloutEvent[]>();
    const stream = new RolloutStream(0, () => page.promise);
    const next = stream.next();
    await stream.return();
    page.resolve([event(1), event(2)]);
    expect(await next).toEqual({ done: true, value: undefined });
    expect(stream.pendingCount).toBe(0);
  });

  test('return leaves once, however often it is called', async () => {
    const stream = new RolloutStream(null, noRecord);
    let leaves = 0;
    stream.onReturn(() => (leaves += 1));
    await Promise.all([stream.return(), stream.return()]);
    expect(leaves).toBe(1);
  });
});
