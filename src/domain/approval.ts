import { defineEntity, p } from '@mikro-orm/core';
import { Ticket } from './ticket.ts';

export const decisions = ['APPROVED', 'REJECTED'] as const;
export type Decision = (typeof decisions)[number];

const ApprovalSchema = defineEntity({
  name: 'Approval',
  // Each person counts once, even when two requests of one person arrive together.
  uniques: [{ properties: ['ticket', 'issuer', 'subject'], name: 'approval_person_unique' }],
  properties: {
    id: p.integer().primary(),
    ticket: () => p.manyToOne(Ticket),
    issuer: p.text(),
    subject: p.text(),
    username: p.text(),
    decision: p.text().$type<Decision>(),
    comment: p.text().nullable(),
    /** Of the groups that the ticket's policy names those that the person was in. */
    groups: p.array<string>().defaultRaw(`'{}'`),
    at: p.datetime(3),
  },
});

/** One person's decision. */
export class Approval extends ApprovalSchema.class {}
ApprovalSchema.setClass(Approval);
