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
import type { Columns } from '../operations/rows.ts';
import { statisticsOfApplications, type StatisticsRange } from '../operations/statistics.ts';

/** One statement per level, however many rows a page holds. */
export const createLoaders = (desk: Desk, actor: Actor) => ({
  ticket: new DataLoader((ids: readonly number[]) => ticketsById(desk, ids)),
  entries: byColumns((ticketIds: readonly number[], columns) => entriesOfTickets(desk, ticketIds, columns)),
  approvals: byColumns((ticketIds: readonly number[], columns) => approvalsOfTickets(desk, ticketIds, columns)),
  steps: new DataLoader((ticketIds: readonly number[]) => stepsOfTickets(desk, ticketIds)),
  applications: byColumns((names: readonly string[], columns) => applicationsByName(desk, actor, names, columns)),
  targets: new DataLoader((applicationIds: readonly number[]) => targetsOfApplications(desk, applicationIds)),
  statistics: inParts((names: readonly string[], range: StatisticsRange) =>
    statisticsOfApplications(desk, names, range),
  ),
  operations: inParts((ids: readonly number[], page: Page, columns) => operationsOfTickets(desk, ids, page, columns)),
  auditTrail: inParts((ids: readonly number[], page: Page) => auditOfTickets(desk, ids, page)),
  events: inParts((ids: readonly string[], page: Page) => eventsOfOperations(desk, ids, page)),
});

export type Loaders = ReturnType<typeof createLoaders>;

/** The same part of many parents is one statement; different parts are different statements. */
function inParts<Id, Part, Row>(load: (ids: readonly Id[], part: Part, columns?: Columns) => Promise<Row[][]>) {
  const byPart = new Map<string, ReturnType<typeof byColumns<Id, Row[]>>>();
  return (id: Id, part: Part, columns?: Columns): Promise<Row[]> => {
    const key = JSON.stringify(part);
    const loader = byPart.get(key) ?? byColumns<Id, Row[]>((ids, asked) => load(ids, part, asked));
    byPart.set(key, loader);
    return loader(id, columns);
  };
}

function byColumns<Id, Result>(load: (ids: readonly Id[], columns?: Columns) => Promise<Result[]>) {
  const loaders = new Map<Columns | undefined, DataLoader<Id, Result>>();
  return (id: Id, columns?: Columns): Promise<Result> => {
    const loader = loaders.get(columns) ?? new DataLoader((ids: readonly Id[]) => load(ids, columns));
    loaders.set(columns, loader);
    return loader.load(id);
  };
}
