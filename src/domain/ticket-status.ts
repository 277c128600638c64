import type { Transitions } from './transitions.ts';

export const ticketStatuses = [
  'PENDING_APPROVAL',
  'APPROVED',
  'AUTHORIZED',
  'REDEPLOYING',
  'COMPLETED',
  'REJECTED',
  'CANCELLED',
  'EXPIRED',
  'FAILED',
] as const;
export type TicketStatus = (typeof ticketStatuses)[number];

export const ticketTransitions: Transitions<TicketStatus> = {
  PENDING_APPROVAL: ['APPROVED', 'REJECTED', 'CANCELLED', 'EXPIRED'],
  APPROVED: ['AUTHORIZED', 'FAILED'],
  AUTHORIZED: ['REDEPLOYING', 'COMPLETED'],
  REDEPLOYING: ['AUTHORIZED', 'COMPLETED'],
  COMPLETED: [],
  REJECTED: [],
  CANCELLED: [],
  EXPIRED: [],
  FAILED: [],
};

export const ticketResults = ['SUCCEEDED', 'FAILED', 'MIXED', 'UNUSED'] as const;
export type TicketResult = (typeof ticketResults)[number];

export const ticketCategories = [
  'BUG_FIX',
  'CONFIG_CHANGE',
  'ROLLBACK',
  'SECURITY_PATCH',
  'MEMORY_LEAK',
  'PERFORMANCE',
] as const;
export type TicketCategory = (typeof ticketCategories)[number];

export const decisions = ['APPROVED', 'REJECTED'] as const;
export type Decision = (typeof decisions)[number];
