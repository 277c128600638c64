import type { Cluster } from '../domain/cluster.ts';
import { isCrash } from '../domain/pod-failures.ts';
import type { PodFailure } from '../domain/rollout.ts';

/** More of them tell nothing new, and an event is to stay small. */
const containersAtMost = 3;
const bytesAtMost = 2_048;

type Known = { restarts: number; log: string | null };

/** The last words of a rollout's crashed containers: each is asked for once per restart, also where there are none. */
export class CrashLogs {
  private readonly cluster: Cluster;
  private readonly namespace: string;
  private readonly known = new Map<string, Known>();
  private readonly asked = new Set<string>();

  /** `before`: what is recorded already, so that a successor asks for nothing twice. */
  constructor(cluster: Cluster, namespace: string, before: readonly PodFailure[]) {
    this.cluster = cluster;
    this.namespace = namespace;
    for (const failure of crashes(before)) {
      if (failure.log === undefined) continue;
      this.known.set(containerKey(failure), { restarts: failure.restarts, log: failure.log });
      this.asked.add(askedKey(failure));
    }
  }

  /** The same failures with the logs that are known: of an earlier run until there is that of the last. */
  addTo(failures: readonly PodFailure[]): PodFailure[] {
    const chosen = new Set(crashes(failures));
    return failures.map((failure) => {
      const known = chosen.has(failure) ? this.known.get(containerKey(failure)) : undefined;
      return known ? { ...failure, log: known.log } : failure;
    });
  }

  lacks(failures: readonly PodFailure[]): boolean {
    return crashes(failures).some((failure) => !this.asked.has(askedKey(failure)));
  }

  /** Never throws: a log is worth having, not worth failing for. */
  async read(failures: readonly PodFailure[]): Promise<void> {
    const lacking = crashes(failures).filter((failure) => !this.asked.has(askedKey(failure)));
    for (const failure of lacking) this.asked.add(askedKey(failure));
    await Promise.all(
      lacking.map(async (failure) => {
        const { pod, container, reason, restarts } = failure;
        // A container that waits for its next start has its log as the one before.
        const isPrevious = reason === 'CrashLoopBackOff';
        const text = await this.cluster.readLog(this.namespace, pod!, container!, isPrevious).catch(() => null);
        const former = this.known.get(containerKey(failure));
        const log = text === null || text === '' ? (former?.log ?? null) : ending(text);
        this.known.set(containerKey(failure), { restarts, log });
      }),
    );
  }
}

const crashes = (failures: readonly PodFailure[]): PodFailure[] =>
  failures.filter((failure) => failure.pod !== null && isCrash(failure)).slice(0, containersAtMost);

const containerKey = ({ pod, container }: PodFailure): string => JSON.stringify([pod, container]);
const askedKey = ({ pod, container, restarts }: PodFailure): string => JSON.stringify([pod, container, restarts]);

/** At most so many bytes, from the beginning of a line where there is one. */
function ending(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesAtMost) return text;
  const end = bytes.subarray(-bytesAtMost).toString('utf8');
  return end.slice(end.indexOf('\n') + 1).replace(/^\uFFFD+/, '');
}
