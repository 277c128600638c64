import type { EntityManager } from '@mikro-orm/postgresql';
import { type Message, type Notification, OutboxMessage } from '../domain/notifications.ts';
import type { Dependencies } from './dependencies.ts';
import { appendRow } from './stored-rows.ts';
import { isNotifying, reading } from './transaction.ts';

/*
 * Notifications stand in PostgreSQL before they are sent, with the change that they tell of: none is lost, and none
 * tells of what did not happen. Of each ticket only the oldest that is not ended is ever sent.
 */

/** Longer than any delivery lasts: nobody else sends a message whose sender still lives. */
export const claimSeconds = 30;

/** Nothing older is news to anybody. Ended rows stay as long, so that a token's end is told of once. */
const keptHours = 24;

/** One that this process is to send now; `attempts` also fences it off from whoever sends it after us. */
export type ClaimedMessage = { message: Message; attempts: number };

/** In the transaction of the change that it tells of, under the ticket's lock. Without a receiver nothing is stored. */
export function storeNotification(em: EntityManager, ticketId: number, notification: Notification): void {
  if (isNotifying(em)) appendRow(em, OutboxMessage, { ticketId, notificationId: notification.id, notification });
}

/** At most so many that are due, for this process alone until `claimSeconds` are over. */
export async function claimMessages(
  deps: Pick<Dependencies, 'orm'>,
  atMost: number,
  seconds = claimSeconds,
): Promise<ClaimedMessage[]> {
  const rows = await reading(deps, (em) =>
    em.execute<{ id: string; notification: Notification; attempts: number; applications: string[] }[]>(
      `with due as materialized (
         select it.id from outbox it
         where it.ended_at is null and it.due_at <= clock_timestamp()
           and not exists (select from outbox o where o.ticket_id = it.ticket_id and o.id < it.id and o.ended_at is null)
         order by it.due_at limit ? for update skip locked
       )
       update outbox it set attempts = it.attempts + 1, due_at = clock_timestamp() + ? * interval '1 second'
       from due where it.id = due.id
       returning it.id, it.notification, it.attempts,
         array(select application_name from ticket_entry e where e.ticket_id = it.ticket_id order by position) as applications`,
      [atMost, seconds],
    ),
  );
  return rows.map(({ id, notification, attempts, applications }) => ({
    message: { ...notification, sequence: Number(id), applications },
    attempts,
  }));
}

/** The receiver has it, whoever claims it by now. */
export async function recordDelivery(deps: Pick<Dependencies, 'orm'>, { message }: ClaimedMessage): Promise<void> {
  await reading(deps, (em) =>
    em.execute(
      `update outbox set ended_at = clock_timestamp(), outcome = 'DELIVERED' where id = ? and ended_at is null`,
      [message.sequence],
    ),
  );
}

/** To be sent again in a while, unless somebody else sends it by now. */
export async function putBack(
  deps: Pick<Dependencies, 'orm'>,
  { message, attempts }: ClaimedMessage,
  milliseconds: number,
): Promise<void> {
  await reading(deps, (em) =>
    em.execute(
      `update outbox set due_at = clock_timestamp() + ? * interval '1 millisecond'
       where id = ? and attempts = ? and ended_at is null`,
      [Math.round(milliseconds), message.sequence, attempts],
    ),
  );
}

/** Gives up what is too old to be sent, and forgets what ended long ago. */
export async function tidyOutbox(deps: Dependencies): Promise<void> {
  const givenUp = await reading(deps, (em) =>
    em.execute<{ notificationId: string; attempts: number }[]>(
      `update outbox set ended_at = clock_timestamp(), outcome = 'GIVEN_UP'
       where ended_at is null and due_at <= clock_timestamp() and created_at < clock_timestamp() - interval '${keptHours} hours'
       returning notification_id as "notificationId", attempts`,
    ),
  );
  for (const one of givenUp) deps.log.error(one, 'notification given up: its receiver did not take it within a day');
  await reading(deps, (em) =>
    em.execute(`delete from outbox where ended_at < clock_timestamp() - interval '${keptHours} hours'`),
  );
}
