import { deepEqual } from 'node:assert/strict';
import type { OpenSide } from '../harness/benchmark.ts';
import { PageReader, type PageRequest } from './page-reader.ts';
import { pageSize, type TicketsSetting } from './tickets-setting.ts';

const pagesPerRound = 50;

/** A server in the side's own process that answers with the page. */
export async function openPageServer(
  { world, readers, page }: TicketsSetting,
  request: PageRequest,
  server: { url: string; stop: () => Promise<unknown> },
): Promise<OpenSide> {
  const reader = await PageReader.open({ url: server.url, request, variables: { first: pageSize }, tokens: readers });
  const answer = await reader.read(1);
  deepEqual(contentOf(JSON.parse(answer)), contentOf({ data: page }), 'it answers with another page');
  return {
    pids: [world.postgresPid],
    round: async () => {
      const before = process.cpuUsage();
      await reader.read(pagesPerRound);
      const { user, system } = process.cpuUsage(before);
      return { units: pagesPerRound, node: (user + system) / pagesPerRound };
    },
    close: async () => {
      await reader.close();
      await server.stop();
    },
  };
}

/** Instants may be written in different ways, and cursors are each server's own. */
const contentOf = (page: unknown): unknown =>
  JSON.parse(
    JSON.stringify(page, (key, value: unknown) => {
      if (key === 'endCursor') return typeof value;
      return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(value)
        ? new Date(value).getTime()
        : value;
    }),
  );
