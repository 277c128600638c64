import { openEventStream } from './event-stream.ts';
import { watch } from './rollout-watch.ts';

type Event = { sequence: number; status: string; message: string };
/** `completed`: whether the service said that this was all. */
type Connection = { completed: Promise<boolean>; cut: (isAbrupt: boolean) => void };

const query = /* GraphQL */ `
  subscription ($operationId: ID!, $after: Int) {
    rolloutStatus(operationId: $operationId, after: $after) {
      sequence
      status
      message
    }
  }
`;

/**
 * A client that loses its connection time and again, in the midst of events or before the first one, and goes on at
 * any of the replicas, over any of the protocols, behind the last event that it has seen.
 */
export class RoamingClient {
  readonly events: Event[] = [];
  disconnects = 0;
  private readonly operationId: string;
  private readonly replicas: readonly { url: string; subscriptionsUrl: string }[];
  /** At least 0, less than 1. */
  private readonly chance: () => number;

  constructor(operationId: string, replicas: RoamingClient['replicas'], chance: () => number) {
    this.operationId = operationId;
    this.replicas = replicas;
    this.chance = chance;
  }

  get last(): number {
    return this.events.at(-1)?.sequence ?? 0;
  }

  /** Until the service has completed a subscription. */
  async follow(): Promise<void> {
    while (await this.isCutOff()) this.disconnects += 1;
  }

  private async isCutOff(): Promise<boolean> {
    const isEarly = this.chance() < 0.15;
    const cut = Promise.withResolvers<'cut'>();
    let left = isEarly ? 1 : Math.ceil(this.chance() * 100);
    const connection = this.connect((event) => {
      if (left === 0) return; // was under way when the connection was lost
      this.events.push(event);
      left -= 1;
      if (left === 0) cut.resolve('cut');
    });
    if (isEarly) void this.someTurns().then(() => cut.resolve('cut'));
    const end = await Promise.race([cut.promise, connection.completed]);
    left = 0;
    if (end === false) throw new Error(`${this.operationId} was ended by the service behind ${this.last}`);
    if (end === 'cut') connection.cut(this.chance() < 0.7);
    return end === 'cut';
  }

  private async someTurns(): Promise<void> {
    for (let left = this.chance() * 40; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
  }

  private connect(take: (event: Event) => void): Connection {
    const replica = this.replicas[Math.floor(this.chance() * this.replicas.length)]!;
    const asked = { query, variables: { operationId: this.operationId, after: this.last } };
    return this.chance() < 0.5 ? overWebSocket(replica, asked, take) : overEventStream(replica, asked, take);
  }
}

type Asked = { query: string; variables: Record<string, unknown> };

function overWebSocket(at: { subscriptionsUrl: string }, asked: Asked, take: (event: Event) => void): Connection {
  const { ended, terminate, unsubscribe } = watch<Event>(at, 'alice', asked, take);
  return {
    completed: ended.then((end) => 'completed' in end),
    cut: (isAbrupt) => {
      if (isAbrupt) terminate();
      unsubscribe(); // also one whose socket is not open yet
    },
  };
}

function overEventStream({ url }: { url: string }, asked: Asked, take: (event: Event) => void): Connection {
  let isRefused = false;
  const { ended, terminate } = openEventStream(url, 'alice', asked, 'POST', ({ data }) => {
    if (data) take(data['rolloutStatus'] as Event);
    else isRefused = true;
  });
  return { completed: ended.then((end) => end === 'complete' && !isRefused), cut: terminate };
}
