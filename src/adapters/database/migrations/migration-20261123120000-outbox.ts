import { Migration } from '@mikro-orm/migrations';

/** Notifications on their way to the webhook's receiver. */
export class Migration20261123120000Outbox extends Migration {
  override up(): void {
    this.addSql(`
      create table "outbox" (
        "id" bigserial primary key,
        "ticket_id" int not null,
        "notification_id" text not null,
        "notification" jsonb not null,
        "created_at" timestamptz(3) not null default clock_timestamp(),
        "due_at" timestamptz(3) not null default clock_timestamp(),
        "attempts" int not null default 0,
        "ended_at" timestamptz(3) null,
        "outcome" text null
      );
      create index "outbox_ended_index" on "outbox" ("ended_at");
      create index "outbox_waiting_index" on "outbox" ("ticket_id", "id") where ended_at is null;
      create index "outbox_due_index" on "outbox" ("due_at") where ended_at is null;
      alter table "outbox" add constraint "outbox_notification_unique" unique ("notification_id");
    `);
  }
}
