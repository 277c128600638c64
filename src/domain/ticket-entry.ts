import { defineEntity, p } from '@mikro-orm/core';
import type { BusinessTag } from './application.ts';
import type { Target } from './cluster.ts';
import { Ticket } from './ticket.ts';

const TicketEntrySchema = defineEntity({
  name: 'TicketEntry',
  uniques: [{ properties: ['ticket', 'applicationName'], name: 'ticket_entry_application_unique' }],
  properties: {
    id: p.integer().primary(),
    ticket: () => p.manyToOne(Ticket),
    position: p.integer(),
    applicationName: p.text().index('ticket_entry_application_index'),
    /** Tags, targets and manifest as they stood when the ticket was created: what the approvers decide on. */
    businessTags: p.json<BusinessTag[]>(),
    targets: p.json<Target[]>(),
    manifest: p.json<object>().nullable(),
    expectedEffect: p.text().nullable(),
    rollbackPlan: p.text().nullable(),
    success: p.boolean().nullable(),
    completed: p.boolean().default(false),
    executedAt: p.datetime(3).nullable(),
    completedAt: p.datetime(3).nullable(),
    errorMessage: p.text().nullable(),
  },
});

/** One application of a ticket. */
export class TicketEntry extends TicketEntrySchema.class {
  /** Its token has been issued. */
  succeed(at: Date): void {
    this.settle(true, null, at);
  }

  fail(reason: string, at: Date): void {
    this.settle(false, reason, at);
  }

  private settle(success: boolean, errorMessage: string | null, at: Date): void {
    if (this.completed) throw new Error(`entry ${this.id} is completed already`);
    this.success = success;
    this.errorMessage = errorMessage;
    this.completed = true;
    this.executedAt = at;
    this.completedAt = at;
  }
}
TicketEntrySchema.setClass(TicketEntry);
