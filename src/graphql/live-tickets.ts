import { setTimeout as pause } from 'node:timers/promises';
import type { TicketChange } from '../domain/ticket-changes.ts';
import { mayReadWhatBelongsTo } from '../domain/permissions.ts';
import type { Actor } from '../domain/person.ts';
import { isFinal } from '../domain/transitions.ts';
import { ticketTransitions } from '../domain/ticket-status.ts';
import type { Desk } from '../operations/dependencies.ts';
import { findTicket, lastAuditId, ticketChangesSince, ticketsAmong, type TicketRow } from '../operations/reads.ts';

/** How many looks back a change may become visible late: a transaction's record gets its number before its commit. */
const looksBack = 10;

/** While anybody here subscribes: the last records that there were at the latest looks, and what ends the listening. */
type Listening = { opened: Promise<void>; marks: string[]; leave: () => void };

/**
 * The one way to subscribe to tickets: changes by hint from Redis and, where hints were lost, from the record every
 * few seconds. A changed ticket is read once for all who watch here; a slow client gets its latest state.
 */
export class LiveTickets {
  private readonly desk: Desk;
  private readonly streams = new Set<TicketStream>();
  private readonly changed = new Set<number>();
  /** What was handed on last of each ticket, so that a look at the record does not read it again. */
  private readonly handedOn = new Versions();
  private isReading = false;
  private listening: Listening | null = null;

  constructor(desk: Desk) {
    this.desk = desk;
  }

  /** One ticket: its present state, then each change, to its end. Throws NOT_FOUND where the person may not know of it. */
  async subscribeToTicket(actor: Actor, ticketNo: string): Promise<AsyncIterableIterator<TicketRow>> {
    const ticket = await findTicket(this.desk, actor, ticketNo);
    const stream = await this.open(({ id }) => id === ticket.id, true);
    try {
      // Read again: it may have changed before the stream was open.
      for (const present of await ticketsAmong(this.desk, [ticket.id])) stream.take(present);
    } catch (error) {
      await stream.return();
      throw error;
    }
    return stream;
  }

  /** Every ticket that the person may see, as it changes from now on; without an end. */
  subscribeToAll(actor: Actor): Promise<AsyncIterableIterator<TicketRow>> {
    return this.open((ticket) => mayReadWhatBelongsTo(actor, ticket), false);
  }

  async run(signal: AbortSignal, everyMs = 3_000): Promise<void> {
    const stopResuming = this.desk.ticketChanges.onResume(() => void this.lookAgain());
    while (!signal.aborted) {
      await pause(everyMs, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await this.lookAgain();
    }
    stopResuming();
  }

  /** Subscriptions that are open here. */
  get streamCount(): number {
    return this.streams.size;
  }

  private async open(concerns: (ticket: TicketRow) => boolean, endsWithTicket: boolean): Promise<TicketStream> {
    const stream = new TicketStream(concerns, endsWithTicket, () => {
      this.streams.delete(stream);
      if (this.streams.size > 0) return;
      this.listening?.leave();
      this.listening = null;
    });
    this.streams.add(stream);
    this.listening ??= this.listen();
    try {
      await this.listening.opened; // whoever comes second waits as well: before it stands, hints are lost
    } catch (error) {
      await stream.return();
      throw error;
    }
    return stream;
  }

  private listen(): Listening {
    const listening: Listening = { opened: Promise.resolve(), marks: [], leave: () => undefined };
    const follow = async () => {
      listening.marks = [await lastAuditId(this.desk)];
      listening.leave = await this.desk.ticketChanges.subscribe((change) => this.hear(change));
    };
    listening.opened = follow();
    return listening;
  }

  private hear({ ticketId, version }: TicketChange): void {
    if (this.handedOn.has(ticketId, version)) return;
    this.changed.add(ticketId);
    void this.readChanged();
  }

  private async readChanged(): Promise<void> {
    if (this.isReading) return;
    this.isReading = true;
    try {
      while (this.changed.size > 0) {
        const ids = [...this.changed].slice(0, 100);
        // Before the read: what is heard of meanwhile may be newer than what it finds.
        for (const id of ids) this.changed.delete(id);
        for (const ticket of await ticketsAmong(this.desk, ids)) {
          // Heard of twice: whoever subscribed in between asked for what comes from now on.
          if (this.handedOn.has(ticket.id, ticket.auditSequence)) continue;
          this.handedOn.note(ticket.id, ticket.auditSequence);
          for (const stream of this.streams) stream.take(ticket);
        }
      }
    } catch (error) {
      this.desk.log.warn({ err: error }, 'changed tickets not read: the next look finds them');
    } finally {
      this.isReading = false;
    }
  }

  private async lookAgain(): Promise<void> {
    const { listening } = this;
    const [oldest] = listening?.marks ?? [];
    if (!listening || oldest === undefined) return;
    try {
      const { changes, lastId } = await ticketChangesSince(this.desk, oldest);
      listening.marks = [...listening.marks, lastId].slice(-looksBack);
      for (const change of changes) this.hear(change);
    } catch (error) {
      this.desk.log.warn({ err: error }, 'live tickets not looked at');
    }
  }
}

/** A version for each ticket; the oldest are forgotten, at worst to be read or sent once more. */
class Versions {
  private readonly versions = new Map<number, number>();

  has(ticketId: number, version: number): boolean {
    return version <= (this.versions.get(ticketId) ?? 0);
  }

  note(ticketId: number, version: number): void {
    this.versions.delete(ticketId);
    this.versions.set(ticketId, version);
    if (this.versions.size > 1_000) this.versions.delete(this.versions.keys().next().value!);
  }
}

/** One subscriber. Each ticket waits at most once, in its latest state; what the client has seen is not sent again. */
class TicketStream implements AsyncIterableIterator<TicketRow> {
  private readonly concerns: (ticket: TicketRow) => boolean;
  private readonly endsWithTicket: boolean;
  private readonly leave: () => void;
  private readonly pending = new Map<number, TicketRow>();
  private readonly sent = new Versions();
  private waiting: PromiseWithResolvers<void> | null = null;
  private isDone = false;

  constructor(concerns: (ticket: TicketRow) => boolean, endsWithTicket: boolean, leave: () => void) {
    this.concerns = concerns;
    this.endsWithTicket = endsWithTicket;
    this.leave = leave;
  }

  take(ticket: TicketRow): void {
    if (this.isDone || !this.concerns(ticket)) return;
    const { id, auditSequence } = ticket;
    if (this.sent.has(id, auditSequence) || auditSequence <= (this.pending.get(id)?.auditSequence ?? 0)) return;
    this.pending.set(ticket.id, ticket);
    this.wake();
  }

  async next(): Promise<IteratorResult<TicketRow>> {
    for (;;) {
      if (this.isDone) return { done: true, value: undefined };
      const [ticket] = this.pending.values();
      if (ticket) {
        this.pending.delete(ticket.id);
        this.sent.note(ticket.id, ticket.auditSequence);
        if (this.endsWithTicket && isFinal(ticketTransitions, ticket.status)) await this.return();
        return { done: false, value: ticket };
      }
      this.waiting ??= Promise.withResolvers<void>();
      await this.waiting.promise;
    }
  }

  async return(): Promise<IteratorResult<TicketRow>> {
    if (!this.isDone) {
      this.isDone = true;
      this.pending.clear();
      this.leave();
      this.wake();
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private wake(): void {
    this.waiting?.resolve();
    this.waiting = null;
  }
}
