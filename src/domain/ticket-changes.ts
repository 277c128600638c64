/** A ticket, and how many records of it there are now: the number grows with each change. */
export type TicketChange = { ticketId: number; version: number };

/**
 * The port that tells replicas of changed tickets. Messages are hints: they may be lost, never wrong; whoever
 * listens reads the record.
 */
export interface TicketChanges {
  /** Never throws; a change that could not be published is found in the record. */
  publish(change: TicketChange): Promise<void>;
  /** Resolves once the subscription stands (or is known to stand as soon as the carrier is back). The listener neither throws nor waits. */
  subscribe(listener: (change: TicketChange) => void): Promise<() => void>;
  /** Calls back when the carrier was away and is back: messages may be missing. Answers with what ends it. */
  onResume(listener: () => void): () => void;
}
