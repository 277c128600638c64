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
import { statisticsOfApplications, type StatisticsRange } from '../operations/statistics.ts';
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
  statistics: inParts((names: readonly string[], range: StatisticsRange) =>
    statisticsOfApplications(desk, names, range),
  ),
  operations: inParts((ids: readonly number[], page: Page) => operationsOfTickets(desk, ids, page)),
  auditTrail: inParts((ids: readonly number[], page: Page) => auditOfTickets(desk, ids, page)),
  events: inParts((ids: readonly string[], page: Page) => eventsOfOperations(desk, ids, page)),
});

export type Loaders = ReturnType<typeof createLoaders>;

/** The same part of many parents is one statement; different parts are different statements. */
function inParts<Id, Part, Row>(load: (ids: readonly Id[], part: Part) => Promise<Row[][]>) {
  const byPart = new Map<string, DataLoader<Id, Row[]>>();
  return (id: Id, part: Part): Promise<Row[]> => {
    const key = JSON.stringify(part);
    const loader = byPart.get(key) ?? new DataLoader((ids: readonly Id[]) => load(ids, part));
    byPart.set(key, loader);
    return loader.load(id);
  };
}
