import { Migration } from '@mikro-orm/migrations';

/** Approval policies with tickets and tokens, breaking the glass and its review, and how often a person redeploys. */
export class Migration20261123110000Policies extends Migration {
  override up(): void {
    this.addSql(`
      alter table "ticket"
        add column "policy" jsonb null,
        add column "policy_hash" text null,
        add column "awaits_groups" text[] null,
        add column "break_glass_at" timestamptz(3) null,
        add column "break_glass_reason" text null,
        add column "reviewed_at" timestamptz(3) null,
        add column "reviewed_by" text null,
        add column "review_comment" text null,
        add column "completion_asked_at" timestamptz(3) null;
      create index "ticket_open_review_index" on "ticket" ("id") where break_glass_at is not null and reviewed_at is null;
      alter table "approval" add column "groups" text[] not null default '{}';
      alter table "redeploy_grant" add column "break_glass" boolean not null default false;
      create index "operation_user_index" on "operation" ("issuer", "subject", "operation_start_time");
    `);
  }
}
