import { Migration } from '@mikro-orm/migrations';

/** Seals over the record, and from where a request came. */
export class Migration20261123130000AuditSeals extends Migration {
  override up(): void {
    this.addSql(`
      alter table "audit_record" add column "address" text null;
      create index "audit_record_own_index" on "audit_record" ("id") where kind in ('AUDIT_PRUNE', 'AUDIT_KEY_CHANGE');

      create table "audit_seal" (
        "sequence" int not null,
        "first_id" bigint not null,
        "last_id" bigint not null,
        "count" int not null,
        "first_at" timestamptz(3) not null,
        "last_at" timestamptz(3) not null,
        "root" text not null,
        "previous_hash" text null,
        "at" timestamptz(3) not null,
        "hash" text not null,
        "key_id" text null,
        "signature" text null,
        primary key ("sequence")
      );
    `);
  }
}
