import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

export type RolloutStatusEvent = {
  sequence: number;
  operationId: string;
  status: string;
  message: string;
  at: string;
  replicas: { desired: number; updated: number; ready: number; available: number; old: number };
  newPods: string[];
  terminatedPods: string[];
  failures: { pod: string; reason: string; message: string }[];
};

const rolloutStatus = /* GraphQL */ `
  subscription ($operationId: ID!, $after: Int) {
    rolloutStatus(operationId: $operationId, after: $after) {
      sequence
      operationId
      status
      message
      at
      replicas {
        desired
        updated
        ready
        available
        old
      }
      newPods
      terminatedPods
      failures {
        pod
        reason
        message
      }
    }
  }
`;

/** How a subscription ended: completed by the service, refused with a code, or with its socket. */
export type WatchEnd = { completed: true } | { refused: string; message: string } | { closed: number };

/** One client of one subscription, over a connection of its own that is not taken up again. */
export type Watch<Event> = {
  events: Event[];
  end: () => WatchEnd | null;
  ended: Promise<WatchEnd>;
  unsubscribe: () => void;
  /** Without a close frame, as when the cable is pulled. */
  terminate: () => void;
  /** Reads nothing from its socket any more; true goes on. */
  read: (isReading: boolean) => void;
};

export type RolloutWatch = Watch<RolloutStatusEvent> & {
  sequences: () => number[];
  /** The last number seen, to go on behind it. */
  last: () => number;
};

export function watchRollout(
  replica: { subscriptionsUrl: string },
  token: string,
  variables: { operationId: string; after?: number | null },
): RolloutWatch {
  const rollout = watch<RolloutStatusEvent>(replica, token, { query: rolloutStatus, variables });
  const { events } = rollout;
  return {
    ...rollout,
    sequences: () => events.map(({ sequence }) => sequence),
    last: () => events.at(-1)?.sequence ?? variables.after ?? 0,
  };
}

/** The events are the values of the subscription's one field. */
export function watch<Event>(
  { subscriptionsUrl }: { subscriptionsUrl: string },
  token: string,
  payload: { query: string; variables?: Record<string, unknown> },
  onEvent: (event: Event) => void = () => undefined,
): Watch<Event> {
  let socket: WebSocket | undefined;
  const events: Event[] = [];
  const ended = Promise.withResolvers<WatchEnd>();
  let end: WatchEnd | null = null;
  const finish = (how: WatchEnd): void => {
    end ??= how;
    ended.resolve(end);
    void client.dispose();
  };
  const client = createClient({
    url: subscriptionsUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
    on: { opened: (opened) => (socket = opened as WebSocket) },
  });
  const unsubscribe = client.subscribe<Record<string, Event>>(payload, {
    next: ({ data, errors }) => {
      if (!data) finish({ refused: String(errors?.[0]?.extensions?.['code']), message: String(errors?.[0]?.message) });
      for (const event of Object.values(data ?? {})) {
        events.push(event);
        onEvent(event);
      }
    },
    error: (error) => finish(endOf(error)),
    complete: () => finish({ completed: true }),
  });
  return {
    events,
    end: () => end,
    ended: ended.promise,
    unsubscribe,
    terminate: () => socket?.terminate(),
    read: (isReading) => (isReading ? socket?.resume() : socket?.pause()),
  };
}

function endOf(error: unknown): WatchEnd {
  const [first] = Array.isArray(error) ? (error as { message: string; extensions?: { code?: string } }[]) : [];
  if (first) return { refused: String(first.extensions?.code), message: first.message };
  if (error instanceof Error) return { refused: 'client', message: error.message };
  return { closed: (error as { code: number }).code };
}
