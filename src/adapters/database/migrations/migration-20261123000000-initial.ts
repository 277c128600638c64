import { Migration } from '@mikro-orm/migrations';

export class Migration20261123000000Initial extends Migration {
  override up(): void {
    this.addSql(`
      create table "application" (
        "id" serial primary key,
        "name" text not null,
        "business_tags" jsonb not null,
        "owners" jsonb not null,
        "manifest" jsonb null,
        "created_at" timestamptz(3) not null,
        "updated_at" timestamptz(3) not null
      );
      alter table "application" add constraint "application_name_unique" unique ("name");

      create table "application_target" (
        "id" serial primary key,
        "application_id" int not null,
        "position" int not null,
        "cluster" text not null,
        "cluster_uid" text not null,
        "namespace" text not null,
        "deployment_name" text not null
      );
      create index "application_target_application_index" on "application_target" ("application_id");
      alter table "application_target" add constraint "application_target_unique" unique ("cluster_uid", "namespace", "deployment_name");

      create table "audit_record" (
        "id" bigserial primary key,
        "ticket_id" int null,
        "sequence" int null,
        "level" text not null,
        "kind" text not null,
        "at" timestamptz(3) not null,
        "issuer" text null,
        "subject" text null,
        "username" text null,
        "ticket_no" text null,
        "application_name" text null,
        "operation_id" uuid null,
        "cluster" text null,
        "namespace" text null,
        "message" text not null,
        "data" jsonb not null,
        "previous_hash" text null,
        "hash" text not null
      );
      create index "audit_record_at_index" on "audit_record" ("at");
      create index "audit_record_operation_index" on "audit_record" ("operation_id");
      alter table "audit_record" add constraint "audit_record_chain_unique" unique ("ticket_id", "sequence");

      create table "operation_event" (
        "operation_id" uuid not null,
        "sequence" int not null,
        "status" text not null,
        "at" timestamptz(3) not null,
        "state" jsonb not null,
        primary key ("operation_id", "sequence")
      );

      create table "refusal_tally" (
        "issuer" text not null,
        "subject" text not null,
        "request" text not null,
        "code" text not null,
        "minute" timestamptz(0) not null,
        "count" int not null default 1,
        primary key ("issuer", "subject", "request", "code", "minute")
      );

      create table "ticket" (
        "id" serial primary key,
        "ticket_no" text not null,
        "category" text not null,
        "reason" text not null,
        "issuer" text not null,
        "subject" text not null,
        "username" text not null,
        "status" text not null default 'PENDING_APPROVAL',
        "result" text null,
        "approvals_required" int not null,
        "created_at" timestamptz(3) not null,
        "decide_by" timestamptz(3) not null,
        "approved_at" timestamptz(3) null,
        "ended_at" timestamptz(3) null,
        "summary" text null,
        "audit_sequence" int not null default 0,
        "audit_hash" text null
      );
      alter table "ticket" add constraint "ticket_ticket_no_unique" unique ("ticket_no");

      create table "approval" (
        "id" serial primary key,
        "ticket_id" int not null,
        "issuer" text not null,
        "subject" text not null,
        "username" text not null,
        "decision" text not null,
        "comment" text null,
        "at" timestamptz(3) not null
      );
      alter table "approval" add constraint "approval_person_unique" unique ("ticket_id", "issuer", "subject");

      create table "ticket_entry" (
        "id" serial primary key,
        "ticket_id" int not null,
        "position" int not null,
        "application_name" text not null,
        "business_tags" jsonb not null,
        "targets" jsonb not null,
        "manifest" jsonb null,
        "expected_effect" text null,
        "rollback_plan" text null,
        "success" boolean null,
        "completed" boolean not null default false,
        "executed_at" timestamptz(3) null,
        "completed_at" timestamptz(3) null,
        "error_message" text null
      );
      create index "ticket_entry_application_index" on "ticket_entry" ("application_name");
      alter table "ticket_entry" add constraint "ticket_entry_application_unique" unique ("ticket_id", "application_name");

      create table "redeploy_grant" (
        "id" serial primary key,
        "ticket_id" int not null,
        "ticket_no" text not null,
        "entry_id" int not null,
        "application_name" text not null,
        "issuer" text not null,
        "subject" text not null,
        "username" text not null,
        "granted_at" timestamptz(3) not null,
        "expires" timestamptz(3) not null,
        "revoked_at" timestamptz(3) null,
        "revoked_reason" text null,
        "ended_at" timestamptz(3) null,
        "uses" int not null default 0,
        "max_uses" int null
      );
      create index "redeploy_grant_ticket_index" on "redeploy_grant" ("ticket_id");
      alter table "redeploy_grant" add constraint "redeploy_grant_entry_unique" unique ("entry_id");
      create index "redeploy_grant_open_index" on "redeploy_grant" ("expires") where ended_at is null;
      create index "redeploy_grant_lookup_index" on "redeploy_grant" ("application_name", "username", "expires");

      create table "operation" (
        "id" uuid not null,
        "type" text not null,
        "ticket_id" int not null,
        "entry_id" int not null,
        "grant_id" int not null,
        "issuer" text not null,
        "subject" text not null,
        "username" text not null,
        "application_name" text not null,
        "cluster" text not null,
        "cluster_uid" text not null,
        "namespace" text not null,
        "deployment_name" text not null,
        "reason" text null,
        "request_id" text null,
        "request_hash" text not null,
        "deployment_uid" text not null,
        "resource_version" text not null,
        "progressing_before" text null,
        "previous_image" text not null,
        "previous_replicas" int not null,
        "rollout_strategy" text not null,
        "operation_start_time" timestamptz(3) not null,
        "rollout_status" text not null,
        "sequence" int not null default 1,
        "last_update_time" timestamptz(3) not null,
        "landed_at" timestamptz(3) null,
        "generation" int null,
        "revision" int null,
        "new_replica_set" text null,
        "verifying_since" timestamptz(3) null,
        "current_image" text null,
        "current_replicas" int null,
        "operation_end_time" timestamptz(3) null,
        "duration_seconds" int null,
        "success" boolean null,
        "error_message" text null,
        "new_pods" jsonb not null,
        "terminated_pods" jsonb not null,
        "failures" jsonb not null,
        "old_pods" jsonb not null,
        "follower" text not null,
        "followed_until" timestamptz(3) not null,
        "fence" int not null default 1,
        primary key ("id")
      );
      create index "operation_ticket_index" on "operation" ("ticket_id");
      create index "operation_unfollowed_index" on "operation" ("followed_until") where rollout_status in ('STARTED', 'PROGRESSING', 'VERIFYING');
      create index "operation_application_index" on "operation" ("application_name", "operation_start_time");
      create unique index "operation_unfinished_unique" on "operation" ("cluster_uid", "namespace", "deployment_name") where rollout_status in ('STARTED', 'PROGRESSING', 'VERIFYING');
      alter table "operation" add constraint "operation_request_unique" unique ("issuer", "subject", "request_id");
      alter table "application_target" add constraint "application_target_application_id_foreign" foreign key ("application_id") references "application" ("id") on delete cascade;
      alter table "approval" add constraint "approval_ticket_id_foreign" foreign key ("ticket_id") references "ticket" ("id");
      alter table "ticket_entry" add constraint "ticket_entry_ticket_id_foreign" foreign key ("ticket_id") references "ticket" ("id");
      alter table "redeploy_grant" add constraint "redeploy_grant_ticket_id_foreign" foreign key ("ticket_id") references "ticket" ("id");
      alter table "redeploy_grant" add constraint "redeploy_grant_entry_id_foreign" foreign key ("entry_id") references "ticket_entry" ("id");
      alter table "operation" add constraint "operation_ticket_id_foreign" foreign key ("ticket_id") references "ticket" ("id");
      alter table "operation" add constraint "operation_entry_id_foreign" foreign key ("entry_id") references "ticket_entry" ("id");
      alter table "operation" add constraint "operation_grant_id_foreign" foreign key ("grant_id") references "redeploy_grant" ("id");
    `);
  }
}
