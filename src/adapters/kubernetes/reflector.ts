import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ClusterRefused } from '../../domain/cluster.ts';
import type { KubernetesRequests } from './kubernetes-requests.ts';
import { withoutManagedFields } from './managed-fields.ts';
import { WatchLines } from './watch-lines.ts';

/** What a reflector fills. */
export interface Feed<Wire> {
  set(object: Wire): void;
  remove(object: Wire): void;
  /** Gathers a list page by page beside what is held; `finish` puts it in its place at once. */
  startList(): { add(page: readonly Wire[]): void; finish(): void };
}

export type ReflectorTiming = {
  /** A watch that is silent for so long is taken for dead. The API server sends a bookmark about once a minute. */
  silentMilliseconds: number;
  /** How long the API server is asked to keep one watch open; up to a third is taken off at random. */
  watchSeconds: number;
  firstPauseMilliseconds: number;
  longestPauseMilliseconds: number;
  pageSize: number;
};

/** What is listed and watched: a path of the API, and which objects of it. */
export type Watched = { path: string; fieldSelector?: string };

type Metadata = { resourceVersion?: string };
type List<Wire> = { metadata: Metadata & { continue?: string }; items: Wire[] | null };
type WatchEvent<Wire> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Wire }
  | { type: 'BOOKMARK'; object: { metadata: Metadata } }
  | { type: 'ERROR'; object: { code?: number; reason?: string; message?: string } };

/** After so many failures in a row the view is listed anew: the API server may have come back from a backup. */
const failuresUntilList = 4;

/** Lists and watches the objects of one kind, for ever: whatever breaks is taken up again. */
export class Reflector<Wire extends { metadata?: Metadata }> {
  readonly #requests: KubernetesRequests;
  readonly #path: string;
  readonly #selector: Record<string, string>;
  readonly #feed: Feed<Wire>;
  readonly #timing: ReflectorTiming;
  readonly #log: Logger;
  /** Where the watch goes on; undefined = list first. */
  #resourceVersion: string | undefined;
  #failures = 0;
  #restarts = 0;
  #outage: { since: number; message: string } | null = null;

  constructor(
    requests: KubernetesRequests,
    { path, fieldSelector }: Watched,
    feed: Feed<Wire>,
    timing: ReflectorTiming,
    log: Logger,
  ) {
    this.#requests = requests;
    this.#path = path;
    this.#selector = fieldSelector ? { fieldSelector } : {};
    this.#feed = feed;
    this.#timing = timing;
    this.#log = log.child({ path });
  }

  /** Since when (performance.now) nothing has been brought, and the last error; null while the watch stands. */
  get outage(): { since: number; message: string } | null {
    return this.#outage;
  }

  /** How often a list or a watch broke off and was taken up again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** The last part of its path: deployments, pods. */
  get resource(): string {
    return this.#path.split('/').at(-1)!;
  }

  /** Resolves once the signal is aborted and nothing is under way any more. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#resourceVersion ??= await this.#list(signal);
        await this.#watch(this.#resourceVersion, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#note(error);
        await pause(this.#pauseMilliseconds(), undefined, { signal }).catch(() => {});
      }
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const list = this.#feed.startList();
    let from: string | undefined;
    for (;;) {
      const query = { ...this.#selector, limit: String(this.#timing.pageSize), ...(from && { continue: from }) };
      const { metadata, items } = (await this.#requests.getJson(this.#path, query, signal)) as List<Wire>;
      list.add(items ?? []);
      from = metadata.continue;
      if (from) continue;
      list.finish();
      return metadata.resourceVersion ?? '';
    }
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const seconds = Math.ceil(this.#timing.watchSeconds * (1 - Math.random() / 3));
    const query = {
      ...this.#selector,
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(seconds),
      resourceVersion,
    };
    const lines = new WatchLines();
    let standsSince = Infinity;
    // It has brought something, or stood for a while in which nothing happened.
    let isProven = false;
    try {
      for await (const chunk of this.#requests.watch(this.#path, query, signal, this.#timing.silentMilliseconds)) {
        standsSince = Math.min(standsSince, performance.now());
        this.#outage = null;
        for (const line of lines.push(chunk)) {
          this.#take(line);
          this.#recovered();
          isProven = true;
        }
      }
    } finally {
      isProven ||= performance.now() - standsSince > 1000;
      if (isProven) this.#recovered();
    }
    if (!isProven) throw new Error('the watch ended as soon as it began');
  }

  #take(line: Buffer): void {
    const event = readEvent<Wire>(line);
    if (event.type === 'ERROR') {
      const { code = 500, reason = 'Unknown', message = '' } = event.object;
      throw new ClusterRefused(code, reason, message);
    }
    try {
      if (event.type === 'DELETED') this.#feed.remove(event.object);
      else if (event.type !== 'BOOKMARK') this.#feed.set(event.object);
      this.#resourceVersion = event.object.metadata?.resourceVersion ?? this.#resourceVersion;
    } catch (error) {
      throw new UnusableEvent(`an event could not be taken in: ${String(error)}`);
    }
  }

  #note(error: unknown): void {
    this.#failures += 1;
    this.#restarts += 1;
    const isExpired = error instanceof ClusterRefused && error.status === 410;
    const isUnusable = error instanceof UnusableEvent;
    if (isExpired || isUnusable || this.#failures % failuresUntilList === 0) this.#resourceVersion = undefined;
    const why = error instanceof Error ? error.message : String(error);
    this.#outage = { since: this.#outage?.since ?? performance.now(), message: why };
    if (isUnusable) this.#log.error({ why }, 'an event was unusable, listing anew');
    // Where nothing has happened for long, its history being gone is the ordinary thing.
    else if (this.#failures === 1)
      this.#log[isExpired ? 'info' : 'warn']({ why }, 'a watch was interrupted, taking it up again');
  }

  #recovered(): void {
    if (this.#failures > 0) this.#log.info({ failures: this.#failures }, 'a watch goes on');
    this.#failures = 0;
  }

  #pauseMilliseconds(): number {
    const { firstPauseMilliseconds, longestPauseMilliseconds } = this.#timing;
    const longest = Math.min(longestPauseMilliseconds, firstPauseMilliseconds * 2 ** (this.#failures - 1));
    return longest * (0.5 + Math.random() / 2);
  }
}

/** What came over the watch cannot be used: the view may lack something, and only a new list can tell. */
class UnusableEvent extends Error {}

function readEvent<Wire>(line: Buffer): WatchEvent<Wire> {
  try {
    return JSON.parse(withoutManagedFields(line)) as WatchEvent<Wire>;
  } catch {
    // JSON.parse quotes what it could not read, and a pod's environment is not for a log.
    throw new UnusableEvent('a line is not JSON');
  }
}
