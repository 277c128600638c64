/** GraphQL's words, and `unknown` for what was refused before it could be told apart. */
export const operationKinds = ['query', 'mutation', 'subscription', 'unknown'] as const;
export type OperationKind = (typeof operationKinds)[number];

/** The port to whoever measures this process. It is only told: it neither throws nor waits. */
export interface Measurements {
  /** A query or mutation was answered, or a subscription opened. */
  graphqlAnswered(kind: OperationKind, seconds: number): void;
  /** An answer, or one event of a subscription, holds errors of this code. */
  graphqlFailed(kind: OperationKind, code: string): void;
  /** What a watch brought is recorded and published, so long after it came. */
  eventRecorded(seconds: number): void;
  /** An event that was recorded at this instant, on PostgreSQL's clock, goes out to the subscribers here. */
  eventDelivered(at: Date): void;
}
