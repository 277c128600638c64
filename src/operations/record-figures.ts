import type { EntityManager } from '@mikro-orm/postgresql';
import { isLiveInSql } from '../domain/grant.ts';
import { ticketStatuses, ticketTransitions } from '../domain/ticket-status.ts';
import { isFinal } from '../domain/transitions.ts';
import type { Dependencies } from './dependencies.ts';
import { addSums, noSums, readSums, type RecordSums, type Series } from './record-sums.ts';
import { arrayOf } from './rows.ts';
import { databaseNow, reading } from './transaction.ts';

const successWindows = { '1h': '1 hour', '24h': '24 hours', '7d': '7 days' } as const;

/** What the record amounts to at one moment. */
export type Figures = RecordSums & {
  activeTokens: number;
  /** By application and time_window: operations that succeeded in it, and all that ended in it but for superseded ones. */
  successes: readonly Series[];
  outbox: { waiting: number; oldestSeconds: number };
  /** What this machine's clock lacks to PostgreSQL's. */
  clockOffsetMs: number;
};

export type FiguresTiming = {
  /** Whoever asks sooner gets the same answer: the record is not read for every scrape of every Prometheus. */
  freshMs: number;
  /** So many of the last tickets are always read anew: a number is taken a moment before PostgreSQL knows by whom. */
  newest: number;
};
const defaultTiming: FiguresTiming = { freshMs: 5_000, newest: 100 };

const finals = ticketStatuses.filter((status) => isFinal(ticketTransitions, status));

/** The last ticket that a look found; whatever was under way at that moment has a lower number than `nextTransaction`. */
type Look = { lastTicket: number; oldestTransaction: bigint; nextTransaction: bigint };

/**
 * Counts what stands in the record, the same in every replica and after every restart, at a cost that does not grow
 * with the record: a ticket that is closed for good is read once and kept in sums; the few others are read each time.
 */
export class RecordFigures {
  private readonly deps: Pick<Dependencies, 'orm'>;
  private readonly timing: FiguresTiming;
  private latest: Promise<Figures> | null = null;
  private freshUntil = 0;
  /** Sums over the tickets up to `closedUntil` but for `open` ones. */
  private closed: RecordSums = noSums;
  private closedUntil = 0;
  private open: readonly number[] = [];
  private mark: Look | null = null;

  constructor(deps: Pick<Dependencies, 'orm'>, timing: FiguresTiming = defaultTiming) {
    this.deps = deps;
    this.timing = timing;
  }

  /** At most a few seconds old. Throws UNAVAILABLE where the database is away. */
  read(): Promise<Figures> {
    if (!this.latest || performance.now() >= this.freshUntil) {
      this.freshUntil = Number.POSITIVE_INFINITY; // never two at once
      this.latest = reading(this.deps, (em) => this.readAnew(em)).finally(() => {
        this.freshUntil = performance.now() + this.timing.freshMs;
      });
    }
    return this.latest;
  }

  /** Up to this ticket those that are closed are not read any more. */
  get closedThrough(): number {
    return this.closedUntil;
  }

  private async readAnew(em: EntityManager): Promise<Figures> {
    const clockOffsetMs = await readClockOffset(em);
    const until = await this.close(em);
    const live = await readSums(em, { after: this.closedUntil, until, more: this.open, except: [] });
    return {
      ...addSums(this.closed, live),
      activeTokens: await countActiveTokens(em),
      successes: await readSuccesses(em),
      outbox: await readOutbox(em),
      clockOffsetMs,
    };
  }

  /**
   * A ticket can become visible after a later one. So the numbers up to a mark are taken as known only once every
   * transaction that was under way at the mark has ended, as a later look finds. Answers with the last ticket.
   */
  private async close(em: EntityManager): Promise<number> {
    this.mark ??= await look(em);
    const now = await look(em);
    const isSettled = now.oldestTransaction >= this.mark.nextTransaction;
    const until = isSettled ? Math.max(this.closedUntil, this.mark.lastTicket - this.timing.newest) : this.closedUntil;
    const open = await openTickets(em, this.closedUntil, until, this.open);
    const closing = { after: this.closedUntil, until, more: this.open, except: open };
    const hasClosed = until > this.closedUntil || open.length < this.open.length;
    const sums = hasClosed ? await readSums(em, closing) : noSums;
    this.closed = addSums(this.closed, sums);
    this.closedUntil = until;
    this.open = open;
    if (isSettled) this.mark = now;
    return now.lastTicket;
  }
}

async function look(em: EntityManager): Promise<Look> {
  const [row] = await em.execute<{ lastTicket: number; oldest: string; next: string }[]>(
    `select coalesce(max(id), 0) as "lastTicket", pg_snapshot_xmin(pg_current_snapshot())::text as oldest,
       pg_snapshot_xmax(pg_current_snapshot())::text as next from ticket`,
  );
  const { lastTicket, oldest, next } = row!;
  return { lastTicket, oldestTransaction: BigInt(oldest), nextTransaction: BigInt(next) };
}

/** Those about which the record may still come to say more. */
async function openTickets(em: EntityManager, after: number, until: number, among: readonly number[]) {
  const rows = await em.execute<{ id: number }[]>(
    `select id from ticket t where (id > ? and id <= ? or id = any(?::int[]))
       and (status <> all(?::text[]) or exists (select from redeploy_grant g where g.ticket_id = t.id and ended_at is null))`,
    [after, until, arrayOf(among), arrayOf(finals)],
  );
  return rows.map(({ id }) => id);
}

async function countActiveTokens(em: EntityManager): Promise<number> {
  const [row] = await em.execute<{ count: number }[]>(
    `select count(*)::int as count from redeploy_grant where ended_at is null and ${isLiveInSql}`,
  );
  return row!.count;
}

/** With now(), for which an index serves, unlike for clock_timestamp(). */
function readSuccesses(em: EntityManager): Promise<Series[]> {
  const counts: string[] = [];
  const windows: string[] = [];
  for (const [name, length] of Object.entries(successWindows)) {
    const within = `operation_end_time > now() - interval '${length}'`;
    counts.push(`array[count(*) filter (where success and ${within}), count(*) filter (where ${within})] as "${name}"`);
    windows.push(`('${name}', "${name}"::float8[])`);
  }
  return em.execute(
    `select jsonb_build_object('application', application_name, 'time_window', it.name) as labels, 0 as since, it.values
     from (select application_name, ${counts.join(', ')} from operation
           where operation_end_time > now() - interval '${successWindows['7d']}' and rollout_status <> 'SUPERSEDED'
           group by application_name) ended
       cross join lateral (values ${windows.join(', ')}) it (name, values)
     where it.values[2] > 0`,
  );
}

async function readOutbox(em: EntityManager): Promise<Figures['outbox']> {
  const [row] = await em.execute<Figures['outbox'][]>(
    `select count(*)::int as waiting,
       coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 as "oldestSeconds"
     from outbox where ended_at is null`,
  );
  return row!;
}

async function readClockOffset(em: EntityManager): Promise<number> {
  const before = Date.now();
  const now = await databaseNow(em);
  return now.getTime() - (before + Date.now()) / 2;
}
