import { setTimeout as pause } from 'node:timers/promises';
import { openDatabase } from '../../src/adapters/database/database.ts';
import { KubernetesClusters } from '../../src/adapters/kubernetes/kubernetes-clusters.ts';
import { openRedis, openSubscriber, waitUntilReady } from '../../src/adapters/redis/connection.ts';
import { RedisChannels } from '../../src/adapters/redis/redis-channels.ts';
import { RedisRegistryChanges } from '../../src/adapters/redis/redis-registry-changes.ts';
import { RedisRolloutEvents } from '../../src/adapters/redis/redis-rollout-events.ts';
import { RedisTicketChanges } from '../../src/adapters/redis/redis-ticket-changes.ts';
import { RedisTokens } from '../../src/adapters/redis/redis-tokens.ts';
import { createLogger } from '../../src/logger.ts';
import { auditSealer } from '../../src/operations/audit-sealing.ts';
import type { Dependencies } from '../../src/operations/dependencies.ts';
import { arrayOf } from '../../src/operations/rows.ts';
import { approve } from '../../src/operations/tickets.ts';
import { readConfig } from '../../src/settings/config.ts';
import type { OpenSide } from '../harness/benchmark.ts';
import type { ApprovalsSetting, DatabaseUrls } from './approvals-setting.ts';

const writers = 8;
const approvalsPerRound = 400;
const sweepMs = 1_000;

const approver = {
  issuer: 'https://issuer.test',
  subject: 'carol',
  username: 'carol',
  roles: ['APPROVER' as const],
  groups: [],
};

/** Writers that approve, at the same time, each one ticket after the other. */
export async function openApprovals(
  { world }: ApprovalsSetting,
  urls: DatabaseUrls,
  { seals }: { seals: boolean },
): Promise<OpenSide> {
  const config = readConfig(world.env);
  const log = createLogger(config.logLevel);
  const redis = openRedis(config.redisUrl, 'bench', log);
  const subscriber = openSubscriber(config.redisUrl, 'bench-events', log);
  await waitUntilReady(redis);
  const channels = new RedisChannels(redis, subscriber, log);
  const owner = openDatabase(urls.owner, 1);
  const deps: Dependencies = {
    orm: openDatabase(urls.service),
    clusters: KubernetesClusters.load(config.kubernetes, log),
    log,
    processId: 'bench',
    limits: config.limits,
    policies: [],
    tokens: new RedisTokens(redis),
    rolloutEvents: new RedisRolloutEvents(channels),
    ticketChanges: new RedisTicketChanges(channels),
    registryChanges: new RedisRegistryChanges(channels),
  };

  /** Copies of the first ticket, with the head of its chain: what is appended to them is chained as it would be. */
  const newTickets = async (): Promise<string[]> => {
    const em = owner.em.fork();
    const rows = await em.execute<{ id: number; ticketNo: string }[]>(
      `insert into ticket select copy.* from
         ticket model,
         (select nextval('ticket_id_seq') as id from generate_series(1, ?)) number,
         jsonb_populate_record(model, jsonb_build_object('id', number.id, 'ticket_no', 't' || lpad(number.id::text, 7, '0'))) copy
       where model.id = (select min(id) from ticket)
       returning id, ticket_no as "ticketNo"`,
      [approvalsPerRound],
    );
    await em.execute(
      `insert into ticket_entry select copy.* from
         ticket_entry model,
         unnest(?::int[]) as ticket (id),
         jsonb_populate_record(model, jsonb_build_object('id', nextval('ticket_entry_id_seq'), 'ticket_id', ticket.id)) copy
       where model.id = (select min(id) from ticket_entry)`,
      [arrayOf(rows.map(({ id }) => id))],
    );
    return rows.map(({ ticketNo }) => ticketNo);
  };

  let waiting = await newTickets();
  return {
    pids: [world.postgresPid],
    round: async () => {
      const begin = performance.now();
      const sealing = seals ? sealUntil(deps, config.audit.sealSeconds) : null;
      await Promise.all(
        Array.from({ length: writers }, async () => {
          for (let ticketNo = waiting.pop(); ticketNo !== undefined; ticketNo = waiting.pop()) {
            await approve(deps, approver, { ticketNo });
          }
        }),
      );
      await sealing?.end();
      return { units: approvalsPerRound, throughput: (approvalsPerRound * 1_000) / (performance.now() - begin) };
    },
    afterwards: async () => {
      waiting = await newTickets();
      return {};
    },
    close: async () => {
      redis.disconnect();
      subscriber.disconnect();
      await deps.orm.close(true);
      await owner.close(true);
    },
  };
}

/** Seals in the background as the service does, and at the end whatever is left: every round pays for its own. */
function sealUntil(deps: Dependencies, seconds: number): { end: () => Promise<void> } {
  const writing = new AbortController();
  const seal = auditSealer(seconds, null);
  const loop = async (): Promise<void> => {
    while (!writing.signal.aborted) {
      await seal(deps);
      await pause(sweepMs, undefined, { signal: writing.signal }).catch(() => undefined);
    }
  };
  const sealed = loop();
  return {
    end: async () => {
      writing.abort();
      await sealed;
      await auditSealer(0, null)(deps);
    },
  };
}
