import DataLoader from 'dataloader';
import { targetsOfApplications } from '../operations/application-reads.ts';
import type { Desk } from '../operations/dependencies.ts';
import { tokensOfEntries } from '../operations/tokens.ts';
import { approvalsOfTickets, entriesOfTickets, ticketsById } from '../operations/reads.ts';

/** One statement per level, however many rows a page holds. */
export const createLoaders = (desk: Desk) => ({
  ticket: new DataLoader((ids: readonly number[]) => ticketsById(desk, ids)),
  entries: new DataLoader((ticketIds: readonly number[]) => entriesOfTickets(desk, ticketIds)),
  tokens: new DataLoader((entryIds: readonly number[]) => tokensOfEntries(desk, entryIds)),
  targets: new DataLoader((applicationIds: readonly number[]) => targetsOfApplications(desk, applicationIds)),
  approvals: new DataLoader((ticketIds: readonly number[]) => approvalsOfTickets(desk, ticketIds)),
});

export type Loaders = ReturnType<typeof createLoaders>;
