import type { Target } from '../domain/cluster.ts';
import { type Grant, isLiveInSql } from '../domain/grant.ts';
import { ask, type Question, type RowReader } from './rows.ts';

/** A grant that can be spent, with what was approved. */
export type LiveGrant = Pick<
  Grant,
  | 'id'
  | 'ticketNo'
  | 'applicationName'
  | 'issuer'
  | 'subject'
  | 'username'
  | 'expires'
  | 'revokedAt'
  | 'revokedReason'
  | 'uses'
  | 'maxUses'
  | 'breakGlass'
> & {
  ticketId: number;
  entryId: number;
  targets: Target[];
  manifest: object | null;
  /** Its token was given to Redis once. */
  isIssued: boolean;
  /** PostgreSQL's clock, as of this look. */
  now: Date;
};

/** By the name that the Redis key bears, and of this person if one is given as well. */
type Holder = { applicationName: string; username: string; issuer?: string; subject?: string };

/** With several for one pair the one that ends last is the first. */
export const findLiveGrants = (em: RowReader, holder: Holder): Promise<LiveGrant[]> => ask(em, liveGrants(holder));

export const liveGrants = ({
  applicationName,
  username,
  issuer = '',
  subject = '',
}: Holder): Question<LiveGrant[]> => ({
  text: `select g.id, g.ticket_no as "ticketNo", g.application_name as "applicationName", g.issuer, g.subject, g.username,
       g.expires, g.revoked_at as "revokedAt", g.revoked_reason as "revokedReason", g.uses, g.max_uses as "maxUses",
       g.break_glass as "breakGlass", g.ticket_id as "ticketId", e.id as "entryId", e.targets, e.manifest,
       t.status <> 'APPROVED' as "isIssued", clock_timestamp()::timestamptz(3) as now
     from redeploy_grant g join ticket_entry e on e.id = g.entry_id join ticket t on t.id = g.ticket_id
     where g.application_name = ? and (g.username = ? or (g.issuer = ? and g.subject = ?)) and ${isLiveInSql}
     order by g.expires desc, g.id desc`,
  params: [applicationName, username, issuer, subject],
  read: (rows: LiveGrant[]) => rows,
});
