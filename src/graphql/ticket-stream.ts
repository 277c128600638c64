import { ticketTransitions } from '../domain/ticket-status.ts';
import { isFinal } from '../domain/transitions.ts';
import type { TicketRow } from '../operations/reads.ts';
import { LiveStream } from './live-stream.ts';

/** A version for each ticket; the oldest are forgotten, at worst to be read or sent once more. */
export class Versions {
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
export class TicketStream extends LiveStream<TicketRow> {
  private readonly endsWithTicket: boolean;
  private readonly pending = new Map<number, TicketRow>();
  private readonly sent = new Versions();

  constructor(endsWithTicket: boolean) {
    super();
    this.endsWithTicket = endsWithTicket;
  }

  take(ticket: TicketRow): void {
    const { id, auditSequence } = ticket;
    if (this.isDone || this.sent.has(id, auditSequence)) return;
    if (auditSequence <= (this.pending.get(id)?.auditSequence ?? 0)) return;
    this.pending.set(id, ticket);
    this.wake();
  }

  poll(): TicketRow | null {
    if (this.isDone) return this.end();
    const [ticket] = this.pending.values();
    if (!ticket) return null;
    this.pending.delete(ticket.id);
    this.sent.note(ticket.id, ticket.auditSequence);
    if (this.endsWithTicket && isFinal(ticketTransitions, ticket.status)) void this.return();
    return ticket;
  }

  protected clear(): void {
    this.pending.clear();
  }
}
