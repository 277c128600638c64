import DataLoader from 'dataloader';
import type { Actor } from '../domain/person.ts';
import { applicationsByName, targetsOfApplications } from '../operations/application-reads.ts';
import type { Desk } from '../operations/dependencies.ts';
import type { Page } from '../operations/pages.ts';
import {
  approvalsOfTickets,
  auditOfTickets,
  entriesOfTickets,
  eventsOfOperations,
  operationsOfTickets,
  stepsOfTickets,
  ticketsById,
} from '../operations/reads.ts';
import { tokensOfEntries } from '../operations/tokens.ts';

/** One statement per level, however many rows a page holds. */
export const createLoaders = (desk: Desk, actor: Actor) => ({
  ticket: new DataLoader((ids: readonly number[]) => ticketsById(desk, ids)),
  entries: new DataLoader((ticketIds: readonly number[]) => entriesOfTickets(desk, ticketIds)),
  tokens: new DataLoader((entryIds: readonly number[]) => tokensOfEntries(desk, entryIds)),
  approvals: new DataLoader((ticketIds: readonly number[]) => approvalsOfTickets(desk, ticketIds)),
  steps: new DataLoader((ticketIds: readonly number[]) => stepsOfTickets(desk, ticketIds)),
  applications: new DataLoader((names: readonly string[]) => applicationsByName(desk, actor, names)),
  targets: new DataLoader((applicationIds: readonly number[]) => targetsOfApplications(desk, applicationIds)),
  operations: paged((ids: readonly number[], page) => operationsOfTickets(desk, ids, page)),
  auditTrail: paged((ids: readonly number[], page) => auditOfTickets(desk, ids, page)),
  events: paged((ids: readonly string[], page) => eventsOfOperations(desk, ids, page)),
});

export type Loaders = ReturnType<typeof createLoaders>;

/** The same page of many parents is one statement; different pages are different statements. */
function paged<Id, Row>(load: (ids: readonly Id[], page: Page) => Promise<Row[][]>) {
  const byPage = new Map<string, DataLoader<Id, Row[]>>();
  return (id: Id, page: Page): Promise<Row[]> => {
    const key = JSON.stringify(page);
    const loader = byPage.get(key) ?? new DataLoader((ids: readonly Id[]) => load(ids, page));
    byPage.set(key, loader);
    return loader.load(id);
  };
}
