import { setTimeout as pause } from 'node:timers/promises';
import type { TicketChange } from '../domain/ticket-changes.ts';
import { mayFollow, type Owners, seesEverything } from '../domain/permissions.ts';
import { type Actor, isSamePerson } from '../domain/person.ts';
import { ownersOfTickets } from '../operations/application-reads.ts';
import type { Desk } from '../operations/dependencies.ts';
import {
  entriesOfTickets,
  findTicket,
  lastAuditId,
  ticketChangesSince,
  ticketsAmong,
  type TicketRow,
} from '../operations/reads.ts';
import type { LiveAccess } from './live-access.ts';
import { TicketStream, Versions } from './ticket-stream.ts';

/** How many looks back a change may become visible late: a transaction's record gets its number before its commit. */
const looksBack = 10;

/** What a stream is of: one ticket, or every ticket that the person may follow. */
type Subject = { ticketId: number } | { actor: Actor };

/** While anybody here subscribes: the last records that there were at the latest looks, and what ends the listening. */
type Listening = { opened: Promise<void>; marks: string[]; leave: () => void };

/**
 * The one way to subscribe to tickets: changes by hint from Redis and, where hints were lost, from the record every
 * few seconds. A changed ticket is read once for all who watch here; a slow client gets its latest state.
 */
export class LiveTickets {
  private readonly desk: Desk;
  private readonly access: LiveAccess;
  private readonly streams = new Map<TicketStream, Subject>();
  private readonly changed = new Set<number>();
  /** What was handed on last of each ticket, so that a look at the record does not read it again. */
  private readonly handedOn = new Versions();
  private isReading = false;
  private listening: Listening | null = null;

  constructor(desk: Desk, access: LiveAccess) {
    this.desk = desk;
    this.access = access;
  }

  /**
   * One ticket: its present state, then each change, to its end. Throws NOT_FOUND where the person may not know of it,
   * FORBIDDEN where they may not follow it, and so does the stream once that is so.
   */
  async subscribeToTicket(actor: Actor, ticketNo: string): Promise<TicketStream> {
    const { id: ticketId } = await findTicket(this.desk, actor, ticketNo);
    const [entries] = await entriesOfTickets(this.desk, [ticketId]);
    const applications = entries!.map(({ applicationName }) => applicationName);
    return this.access.follow(actor, applications, async () => {
      const stream = await this.open({ ticketId });
      try {
        // Read again: it may have changed before the stream was open.
        for (const present of await ticketsAmong(this.desk, [ticketId])) stream.take(present);
      } catch (error) {
        await stream.return();
        throw error;
      }
      return stream;
    });
  }

  /** Every ticket that the person may follow, as it changes from now on; without an end. */
  subscribeToAll(actor: Actor): Promise<TicketStream> {
    return this.open({ actor });
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

  private async open(subject: Subject): Promise<TicketStream> {
    const stream = new TicketStream('ticketId' in subject);
    this.streams.set(stream, subject);
    stream.onReturn(() => {
      this.streams.delete(stream);
      if (this.streams.size > 0) return;
      this.listening?.leave();
      this.listening = null;
    });
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
        const tickets = await ticketsAmong(this.desk, ids);
        const owners = await this.ownersOf(tickets);
        for (const ticket of tickets) {
          // Heard of twice: whoever subscribed in between asked for what comes from now on.
          if (this.handedOn.has(ticket.id, ticket.auditSequence)) continue;
          this.handedOn.note(ticket.id, ticket.auditSequence);
          this.handOn(ticket, owners.get(ticket.id) ?? [null]);
        }
      }
    } catch (error) {
      this.desk.log.warn({ err: error }, 'changed tickets not read: the next look finds them');
    } finally {
      this.isReading = false;
    }
  }

  private handOn(ticket: TicketRow, owners: readonly (Owners | null)[]): void {
    for (const [stream, subject] of this.streams) {
      const isOf = 'actor' in subject ? mayFollow(subject.actor, ticket, owners) : subject.ticketId === ticket.id;
      if (isOf) stream.take(ticket);
    }
  }

  /** Whose the applications are of those tickets that somebody here follows as their requester only. */
  private async ownersOf(tickets: readonly TicketRow[]): Promise<Map<number, (Owners | null)[]>> {
    const requesters = [...this.streams.values()].flatMap((subject) =>
      'actor' in subject && !seesEverything(subject.actor) ? [subject.actor] : [],
    );
    const followed = tickets.filter((ticket) => requesters.some((actor) => isSamePerson(actor, ticket)));
    if (followed.length === 0) return new Map();
    return ownersOfTickets(
      this.desk,
      followed.map(({ id }) => id),
    );
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
