import { Migration } from '@mikro-orm/migrations';

/** Operations by their end: how many of the last hours' and days' went well. */
export class Migration20261123160000EndedOperations extends Migration {
  override up(): void {
    this.addSql('create index "operation_ended_index" on "operation" ("operation_end_time");');
  }
}
