import { Migration } from '@mikro-orm/migrations';

/**
 * One index for each question to the record, newest first. That of the whole record is over an expression on purpose:
 * with a plain one PostgreSQL would also answer the others by walking back from the newest record until it meets
 * enough that fit, which takes the whole record where a name was frequent once and is no more.
 * It includes the instant, so that a time's first and last id are found without looking at its records.
 */
export class Migration20261123150000AuditQuestions extends Migration {
  override up(): void {
    this.addSql(`
      drop index "audit_record_at_index";
      drop index "audit_record_operation_index";
      create index "audit_record_instant_index" on "audit_record" (("at" at time zone 'UTC'), "id") include ("at");
      create index "audit_record_level_index" on "audit_record" ("level", "at", "id");
      create index "audit_record_kind_index" on "audit_record" ("kind", "at", "id");
      create index "audit_record_result_index" on "audit_record" (("data" ->> 'result'), "at", "id") where kind = 'TICKET_COMPLETE';
      create index "audit_record_ticket_index" on "audit_record" ("ticket_no", "at", "id") where ticket_no is not null;
      create index "audit_record_operation_index" on "audit_record" ("operation_id", "at", "id") where operation_id is not null;
      create index "audit_record_user_index" on "audit_record" ("username", "at", "id") where username is not null;
      create index "audit_record_application_index" on "audit_record" ("application_name", "at", "id") where application_name is not null;
      create index "audit_record_application_user_index" on "audit_record" ("application_name", "username", "at", "id") where application_name is not null and username is not null;
      create index "audit_record_namespace_index" on "audit_record" ("namespace", "at", "id") where namespace is not null;
      create index "ticket_created_index" on "ticket" ("created_at");
    `);
  }
}
