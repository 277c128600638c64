import { Migration } from '@mikro-orm/migrations';

/** The trace in which an operation was asked for: whoever follows it later goes on with it. */
export class Migration20261123170000Traceparents extends Migration {
  override up(): void {
    this.addSql('alter table "operation" add column "traceparent" text null;');
  }
}
