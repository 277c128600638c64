import { Migration } from '@mikro-orm/migrations';

/** Image updates, rollbacks and creations beside restarts; warnings, times and Events of an operation. */
export class Migration20261123100000RedeployTypes extends Migration {
  override up(): void {
    this.addSql(`
      alter table "application" add column "image_repositories" jsonb not null default '[]';
      alter table "operation"
        add column "images" jsonb null,
        add column "rollback_to" int null,
        add column "pod_template" jsonb null,
        add column "template_hash" text null,
        add column "warnings" jsonb not null default '[]',
        add column "first_pod_at" timestamptz(3) null,
        add column "available_at" timestamptz(3) null,
        add column "succeeded_late_at" timestamptz(3) null,
        add column "announced_at" timestamptz(3) null;
      alter table "operation" alter column "deployment_uid" drop not null;
      alter table "operation" alter column "resource_version" drop not null;
      create index "operation_unannounced_index" on "operation" ("operation_start_time") where announced_at is null;
      create index "operation_unsuccessful_index" on "operation" ("operation_end_time") where success = false and succeeded_late_at is null;
    `);
  }
}
