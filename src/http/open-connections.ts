import { RedeployError } from '../domain/errors.ts';
import type { Person } from '../domain/person.ts';

/** Of what is open at this replica. */
export type ConnectionLimits = {
  subscriptionsPerConnection: number;
  subscriptionsPerUser: number;
  connectionsPerUser: number;
  /** After which a connection without a subscription is closed. */
  idleConnectionSeconds: number;
};

/** Gives back what was taken; asked twice it is done once. */
export type Release = () => void;

/** Nobody knows when somebody's own subscription will end; soon enough to try again by hand. */
const retryAfterSeconds = 30;

/** Counts what is open at this replica: connections and subscriptions, over WebSockets and as server-sent events alike. */
export class OpenConnections {
  readonly limits: ConnectionLimits;
  private readonly connections = new Map<string, number>();
  private readonly subscriptions = new Map<string, number>();

  constructor(limits: ConnectionLimits) {
    this.limits = limits;
  }

  /** Throws TOO_MANY_REQUESTS. */
  openConnection(person: Person): Release {
    return take(this.connections, keyOf(person), this.limits.connectionsPerUser, 'connections for one person');
  }

  /** `onConnection` are those that its connection has already. Throws TOO_MANY_REQUESTS. */
  openSubscription(person: Person, onConnection: number): Release {
    const { subscriptionsPerConnection, subscriptionsPerUser } = this.limits;
    if (onConnection >= subscriptionsPerConnection) {
      throw tooMany(subscriptionsPerConnection, 'subscriptions on one connection');
    }
    return take(this.subscriptions, keyOf(person), subscriptionsPerUser, 'subscriptions for one person');
  }

  /** All that is open. */
  get counts(): { connections: number; subscriptions: number } {
    return { connections: sumOf(this.connections), subscriptions: sumOf(this.subscriptions) };
  }
}

function take(counts: Map<string, number>, key: string, most: number, what: string): Release {
  const count = counts.get(key) ?? 0;
  if (count >= most) throw tooMany(most, what);
  counts.set(key, count + 1);
  let isOpen = true;
  return () => {
    if (!isOpen) return;
    isOpen = false;
    const left = counts.get(key)! - 1;
    if (left === 0) counts.delete(key);
    else counts.set(key, left);
  };
}

const tooMany = (most: number, what: string): RedeployError =>
  new RedeployError('TOO_MANY_REQUESTS', `at most ${most} ${what}`, {
    advice: 'End one that is no longer needed.',
    retryAfterSeconds,
  });

const keyOf = ({ issuer, subject }: Person): string => JSON.stringify([issuer, subject]);
const sumOf = (counts: Map<string, number>): number => [...counts.values()].reduce((sum, count) => sum + count, 0);
