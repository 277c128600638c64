import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { waitUntilReady } from '../adapters/redis/connection.ts';
import { RedeployError } from '../domain/errors.ts';
import { type MetricsServer, serveMetrics } from '../metrics/metrics-server.ts';
import { auditSealer, recordSigningKey } from '../operations/audit-sealing.ts';
import { checkpointKeeper } from '../operations/checkpoint-keeping.ts';
import { sweepExpiries } from '../operations/expiries.ts';
import { resumeApprovedTickets } from '../operations/issue-tokens.ts';
import { recordLateSuccesses } from '../operations/late-successes.ts';
import { rolloutAnnouncer } from '../operations/rollout-announcements.ts';
import { lostCopiesSweep } from '../operations/token-copies.ts';
import { register, registerLater } from '../settings/applications-file.ts';
import { prepareDatabase } from './database-preparation.ts';
import type { Parts } from './parts.ts';
import { sweep, tell } from './sweeps.ts';

/** The first connections are waited for so long before it serves without them. */
const connectMs = 2_000;
const longestPauseSeconds = 5;

type Addresses = { address: string; metricsUrl: string | null };

/** The life of one replica: it listens, begins to serve as soon as it can, and stops in order. */
export class Replica {
  private readonly parts: Parts;
  private readonly starting = new AbortController();
  private readonly following = new AbortController();
  private readonly serving = new AbortController();
  private readonly watching = new AbortController();
  private readonly watches: Promise<void>;
  private readonly loops: Promise<void>[] = [];
  private addresses: Addresses | undefined;
  private metricsServer: MetricsServer | undefined;
  private begun: Promise<void> = Promise.resolve();
  private handedOver: Promise<void> | undefined;
  private ending: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.parts = parts;
    this.watches = parts.clusters.run(this.watching.signal);
  }

  /** From then on health checks are answered, and everybody else is told to wait. */
  async listen(): Promise<Addresses> {
    const { app, config, desk, metrics } = this.parts;
    const address = await listen(app.server, config.port, config.host);
    if (metrics && config.metrics) this.metricsServer = await serveMetrics(metrics, config.metrics, desk.log);
    this.addresses = { address, metricsUrl: this.metricsServer?.url ?? null };
    desk.log.info(this.addresses, 'listening');
    return this.addresses;
  }

  /** Resolves once it serves, or is to stop before. */
  begin(): Promise<void> {
    this.begun = this.becomeReady();
    return this.begun;
  }

  stop(): Promise<void> {
    this.ending ??= this.endInTime();
    return this.ending;
  }

  private async becomeReady(): Promise<void> {
    const { desk, files, health } = this.parts;
    const { applications } = files;
    const { signal: stopped } = this.starting;
    await this.untilDatabaseIsReady();
    if (stopped.aborted) return;
    health.wait('the first connections are being made');
    await this.firstConnections();
    const away = applications && (await register(desk, applications));
    if (stopped.aborted) return;
    if (applications && away) this.loops.push(registerLater(desk, applications, away, this.serving.signal));
    this.startLoops();
    health.begin();
    const { processId, clusters, log } = desk;
    log.info({ ...this.addresses, processId, clusters: clusters.names }, 'serving');
  }

  private async untilDatabaseIsReady(): Promise<void> {
    const { config, desk, files, health, orm } = this.parts;
    const { signal } = this.starting;
    for (let seconds = 0.5; !signal.aborted; seconds = Math.min(2 * seconds, longestPauseSeconds)) {
      try {
        health.wait('the database is being migrated or looked at');
        await prepareDatabase(orm, config);
        return await recordSigningKey(desk, files.auditKeys);
      } catch (error) {
        if (!(error instanceof RedeployError && error.code === 'UNAVAILABLE')) throw error;
        health.wait('PostgreSQL is away');
        desk.log.warn({ err: error, retryAfterSeconds: seconds }, 'waiting for PostgreSQL');
      }
      await pause(seconds * 1_000, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Or without those that take too long. */
  private async firstConnections(): Promise<void> {
    const { clusters, redis, signIn } = this.parts;
    const known = [...clusters.all.map((cluster) => cluster.listed()), signIn.reachKeys().catch(() => undefined)];
    const patience = new AbortController();
    const timeout = pause(connectMs, undefined, { signal: AbortSignal.any([patience.signal, this.starting.signal]) });
    await Promise.all([waitUntilReady(redis, connectMs), Promise.race([Promise.all(known), timeout.catch(() => {})])]);
    patience.abort();
  }

  private startLoops(): void {
    const { config, desk, files, follower, live } = this.parts;
    const { signal } = this.serving;
    this.handedOver = follower.run(this.following.signal);
    this.loops.push(
      live.run(signal),
      // Apart, so that a cluster that does not answer keeps no token waiting.
      sweep(desk, [resumeApprovedTickets, sweepExpiries, lostCopiesSweep()], signal),
      sweep(desk, [rolloutAnnouncer(), recordLateSuccesses], signal),
      sweep(desk, [auditSealer(config.audit.sealSeconds, files.auditKeys)], signal),
    );
    if (files.checkpoints) this.loops.push(sweep(desk, [checkpointKeeper(files.checkpoints)], signal));
    if (config.webhook) this.loops.push(tell(desk, config.webhook, signal));
  }

  private async endInTime(): Promise<void> {
    const { config, desk } = this.parts;
    const { seconds } = config.shutdown;
    const patience = new AbortController();
    const timeout = pause(seconds * 1_000, undefined, { signal: patience.signal });
    const late = timeout.then(() => desk.log.error({ seconds }, 'stopped before everything was done'));
    const failed = (error: unknown): void => desk.log.error({ err: error }, 'stopped with an error');
    await Promise.race([this.end().catch(failed), late]);
    patience.abort();
    this.disconnect();
  }

  private async end(): Promise<void> {
    const { app, config, desk, health, orm, probe } = this.parts;
    const { seconds, delaySeconds } = config.shutdown;
    health.stop();
    if (health.isStarted) await pause(delaySeconds * 1_000);
    this.starting.abort();
    this.following.abort();
    // The rest of the time is for what comes after the last answer.
    await app.close(0.8 * (seconds - delaySeconds) * 1_000);
    await this.begun.catch(() => undefined);
    await this.handedOver;
    this.serving.abort();
    await Promise.all(this.loops);
    await this.metricsServer?.close();
    this.disconnect();
    await this.watches;
    await Promise.all([orm.close(true), probe.close(true)]);
    desk.log.info('stopped');
  }

  private disconnect(): void {
    this.watching.abort();
    this.parts.redis.disconnect();
    this.parts.subscriber.disconnect();
  }
}

function listen(server: Server, port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const { port: given } = server.address() as AddressInfo;
      resolve(`${host.includes(':') ? `[${host}]` : host}:${given}`);
    });
  });
}
