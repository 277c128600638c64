import { setTimeout as pause } from 'node:timers/promises';
import type { TicketChange } from '../domain/ticket-changes.ts';
import { mayReadWhatBelongsTo } from '../domain/permissions.ts';
import type { Actor } from '../domain/person.ts';
import { isFinal } from '../domain/transitions.ts';
import { ticketTransitions } from '../domain/ticket.ts';
import type { Desk } from '../operations/dependencies.ts';
import { findTicket, lastAuditId, ticketChangesSince, ticketsById, type TicketRow } from '../operations/reads.ts';

/** How many looks back a change may become visible late: a transaction's record gets its number before its commit. */
const looksBack = 10;

/**
 * The one way to subscribe to tickets: changes by hint from Redis and, where hints were lost, from the record every
 * few seconds. A changed ticket is read once for all who watch here; a slow client gets its latest state.
 */
export class LiveTickets {
  private readonly desk: Desk;
  private readonly streams = new Set<TicketStream>();
  private readonly changed = new Set<number>();
  private reading: Promise<void> | null = null;
  private leave: (() => void) | null = null;
  private marks: string[] = [];

  constructor(desk: Desk) {
    this.desk = desk;
  }

  /** One ticket: its present state, then each change, to its end. Throws NOT_FOUND where the person may not know of it. */
  async subscribeToTicket(actor: Actor, ticketNo: string): Promise<AsyncIterableIterator<TicketRow>> {
    const ticket = await findTicket(this.desk, actor, ticketNo);
    const stream = await this.open(({ id }) => id === ticket.id, true);
    // Read again: it may have changed before the stream was open.
    for (const present of await ticketsById(this.desk, [ticket.id])) stream.take(present);
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
      this.leave?.();
      this.leave = null;
      this.marks = [];
    });
    this.streams.add(stream);
    try {
      if (this.streams.size === 1) {
        this.marks = [await lastAuditId(this.desk)];
        const leave = await this.desk.ticketChanges.subscribe((change) => this.hear(change));
        if (this.streams.size > 0) this.leave = leave;
        else leave();
      }
    } catch (error) {
      await stream.return();
      throw error;
    }
    return stream;
  }

  private hear({ ticketId }: TicketChange): void {
    this.changed.add(ticketId);
    this.reading ??= this.readChanged()
      .catch((error: unknown) => this.desk.log.warn({ err: error }, 'changed tickets not read yet'))
      .finally(() => (this.reading = null));
  }

  private async readChanged(): Promise<void> {
    while (this.changed.size > 0) {
      const ids = [...this.changed].slice(0, 100);
      const tickets = await ticketsById(this.desk, ids);
      for (const id of ids) this.changed.delete(id);
      for (const ticket of tickets) for (const stream of this.streams) stream.take(ticket);
    }
  }

  private async lookAgain(): Promise<void> {
    if (this.streams.size === 0) return;
    try {
      const [oldest = await lastAuditId(this.desk)] = this.marks;
      const { changes, lastId } = await ticketChangesSince(this.desk, oldest);
      this.marks = [...this.marks, lastId].slice(-looksBack);
      for (const change of changes) this.hear(change);
    } catch (error) {
      this.desk.log.warn({ err: error }, 'live tickets not looked at');
    }
  }
}

/** One subscriber. Each ticket waits at most once, in its latest state; what the client has seen is not sent again. */
class TicketStream implements AsyncIterableIterator<TicketRow> {
  private readonly concerns: (ticket: TicketRow) => boolean;
  private readonly endsWithTicket: boolean;
  private readonly leave: () => void;
  private readonly pending = new Map<number, TicketRow>();
  /** The version sent last of each ticket; the oldest are forgotten, at worst to be sent once more. */
  private readonly sent = new Map<number, number>();
  private waiting: PromiseWithResolvers<void> | null = null;
  private isDone = false;

  constructor(concerns: (ticket: TicketRow) => boolean, endsWithTicket: boolean, leave: () => void) {
    this.concerns = concerns;
    this.endsWithTicket = endsWithTicket;
    this.leave = leave;
  }

  take(ticket: TicketRow): void {
    if (this.isDone || !this.concerns(ticket)) return;
    const known = this.pending.get(ticket.id)?.auditSequence ?? this.sent.get(ticket.id) ?? 0;
    if (ticket.auditSequence <= known) return;
    this.pending.set(ticket.id, ticket);
    this.wake();
  }

  async next(): Promise<IteratorResult<TicketRow>> {
    for (;;) {
      if (this.isDone) return { done: true, value: undefined };
      const [ticket] = this.pending.values();
      if (ticket) {
        this.pending.delete(ticket.id);
        this.remember(ticket);
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

  private remember({ id, auditSequence }: TicketRow): void {
    this.sent.delete(id);
    this.sent.set(id, auditSequence);
    if (this.sent.size > 1_000) this.sent.delete(this.sent.keys().next().value!);
  }

  private wake(): void {
    this.waiting?.resolve();
    this.waiting = null;
  }
}
