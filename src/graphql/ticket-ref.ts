import type { TicketRow } from '../operations/reads.ts';
import { builder } from './builder.ts';

/** Apart from its fields, because operations point back to their ticket. */
export const TicketType = builder.objectRef<TicketRow>('Ticket');
