import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';

/** One thing that this replica depends on. */
export type Check = {
  /** For anybody to read, as everything is that stands in an answer. */
  name: string;
  /** What is missing without it while the rest goes on; null where this replica is of no use without it. */
  without: () => string | null;
  /** Throws NotReady with a reason that anybody may read; of whatever else it throws the log alone tells. */
  look: () => unknown;
};

/** Its message holds no address, nothing secret, and no name that somebody gave. */
export class NotReady extends Error {
  override readonly name = 'NotReady';
}

/** Longer than any dependency takes that is of use. */
const patienceMs = 1_000;
/** However many ask, each dependency is looked at no more than once in this time. */
const keptMs = 1_000;

type Verdict = { name: string; fault: string | null; isRequired: boolean };

/** Whether this replica is up, ready and alive, for those who run it; asked without a sign-in. */
export class Health {
  private readonly probes: readonly Probe[];
  private waitsFor: string | null = 'nothing is connected yet';
  private isStopping = false;

  constructor(checks: readonly Check[], log: Logger) {
    this.probes = checks.map((check) => new Probe(check, log));
  }

  /** It does not serve yet, and for this reason. */
  wait(reason: string): void {
    this.waitsFor = reason;
  }

  begin(): void {
    this.waitsFor = null;
  }

  /** Once it has begun to serve, also while it stops. */
  get isStarted(): boolean {
    return this.waitsFor === null;
  }

  /** Not ready from now on, whatever its dependencies say: load balancers send nothing new. */
  stop(): void {
    this.isStopping = true;
  }

  get isGoingAway(): boolean {
    return this.isStopping;
  }

  /** By path. */
  readonly answers: Readonly<Record<string, () => Promise<Verdict[]>>> = {
    /** The process answers. Asks no dependency: one that is away is no reason to end the process. */
    '/livez': async () => [{ name: 'ping', fault: null, isRequired: true }],
    '/startupz': async () => [this.start],
    '/readyz': async () => [
      ...(await Promise.all(this.probes.map((probe) => probe.verdict()))),
      this.start,
      { name: 'shutdown', fault: this.isStopping ? 'this replica is shutting down' : null, isRequired: true },
    ],
  };

  private get start(): Verdict {
    return { name: 'start', fault: this.waitsFor, isRequired: true };
  }
}

class Probe {
  private readonly check: Check;
  private readonly log: Logger;
  private fault: string | null = null;
  private seenAt = -Infinity;
  private looking: Promise<void> | null = null;

  constructor(check: Check, log: Logger) {
    this.check = check;
    this.log = log;
  }

  async verdict(): Promise<Verdict> {
    if (performance.now() - this.seenAt >= keptMs) {
      this.looking ??= this.look().finally(() => (this.looking = null));
      await this.bounded(this.looking);
    }
    const { name } = this.check;
    if (this.fault === null) return { name, fault: null, isRequired: true };
    const without = this.check.without();
    return { name, fault: without ? `${this.fault}; ${without}` : this.fault, isRequired: without === null };
  }

  private async look(): Promise<void> {
    try {
      await this.check.look();
      this.tell(null);
    } catch (error) {
      this.tell(error instanceof NotReady ? error.message : 'does not answer', error);
    }
  }

  /** A look that takes too long goes on, so that no second one waits beside it. */
  private async bounded(looking: Promise<void>): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.tell('does not answer');
      late.resolve();
    }, patienceMs);
    await Promise.race([looking, late.promise]);
    clearTimeout(timer);
  }

  private tell(fault: string | null, error?: unknown): void {
    this.seenAt = performance.now();
    if (fault === this.fault) return;
    this.fault = fault;
    const about = { check: this.check.name, ...(fault !== null && { reason: fault, err: error }) };
    this.log[fault === null ? 'info' : 'warn'](about, fault === null ? 'a dependency is back' : 'a dependency is away');
  }
}

/**
 * Answers a health check, as the Kubernetes API server does: `ok`, with `?verbose` or where it is not ok one line for
 * each part. False where the request is none.
 */
export function answerHealth(health: Health, { method, url = '' }: IncomingMessage, response: ServerResponse): boolean {
  const [path = '', query = ''] = url.split('?');
  if (!Object.hasOwn(health.answers, path) || (method !== 'GET' && method !== 'HEAD')) return false;
  void answer(health, path, new URLSearchParams(query).has('verbose'), response);
  return true;
}

async function answer(health: Health, path: string, isVerbose: boolean, response: ServerResponse): Promise<void> {
  const verdicts = await health.answers[path]!();
  const isOk = verdicts.every(({ fault, isRequired }) => fault === null || !isRequired);
  const lines = verdicts.map(({ name, fault }) => (fault === null ? `[+]${name} ok` : `[-]${name} failed: ${fault}`));
  const told = [...lines, `${path.slice(1)} check ${isOk ? 'passed' : 'failed'}`].join('\n');
  response.writeHead(isOk ? 200 : 503, { 'content-type': 'text/plain' });
  response.end(`${isOk && !isVerbose ? 'ok' : told}\n`);
}
