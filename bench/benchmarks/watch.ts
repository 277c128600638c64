import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { KubernetesClusters } from '../../src/adapters/kubernetes/kubernetes-clusters.ts';
import type { Benchmark, Side } from '../harness/benchmark.ts';
import { startInformer } from '../references/informer.ts';
import { startParsedWatch } from '../references/parsed-watch.ts';
import { startPodStream, type PodStream } from '../world/pod-stream.ts';

const count = 10_000;

/** What a side opens: it tells of each change, and lets go of everything it holds. */
type Watching = (setting: PodStream, onChange: () => void) => Promise<{ isFilled: () => boolean; stop: () => unknown }>;

const product: Watching = async ({ kubeconfigs }, onChange) => {
  const clusters = KubernetesClusters.load({ kubeconfig: kubeconfigs['product']! }, pino({ level: 'silent' }));
  const cluster = clusters.get('stream')!;
  cluster.onChange((change) => change !== 'all' && onChange());
  const ending = new AbortController();
  const running = clusters.run(ending.signal);
  const stop = async () => {
    ending.abort();
    await running;
  };
  const isFilled = () => {
    try {
      return cluster.snapshot('production', 'web-service').pods.length === count;
    } catch {
      return false;
    }
  };
  return { isFilled, stop };
};

const informer: Watching = async ({ kubeconfigs }, onChange) => {
  const { held, stop } = await startInformer(kubeconfigs['informer']!, onChange);
  return { isFilled: () => held() === count, stop };
};

const parse: Watching = async ({ url }, onChange) => {
  const { stop } = await startParsedWatch(`${url}/parse`, onChange);
  return { isFilled: () => true, stop };
};

const sideOf =
  (name: string, watch: Watching): Side<PodStream> =>
  async (setting) => {
    const heapBefore = heap();
    let seen = 0;
    let allSeen = Promise.withResolvers<void>();
    const watching = await watch(setting, () => {
      seen += 1;
      if (seen === count) allSeen.resolve();
    });
    while (!watching.isFilled()) await pause(50);
    await pause(500); // its watch stands
    return {
      round: async () => {
        [seen, allSeen] = [0, Promise.withResolvers<void>()];
        await fetch(`${setting.url}/${name}/change`, { method: 'POST' });
        await allSeen.promise;
        return { units: count };
      },
      afterwards: () => Promise.resolve({ heap: (heap() - heapBefore) / count }),
      close: async () => void (await watching.stop()),
    };
  };

function heap(): number {
  globalThis.gc!();
  return process.memoryUsage().heapUsed;
}

const sides = { product, parse, informer };

export default {
  name: 'watch',
  figures: { cpu: 'µs of CPU per changed pod of 7.7 KB', heap: 'bytes of heap per pod' },
  goals: [
    { figure: 'cpu', of: 'product', against: 'parse', atMost: 1.25 },
    { figure: 'cpu', of: 'product', against: 'informer', atMost: 0.6 },
    { figure: 'heap', of: 'product', atMost: 1_024 },
  ],
  prepare: (keep) => keep(startPodStream(count, Object.keys(sides))),
  sides: Object.fromEntries(Object.entries(sides).map(([name, watch]) => [name, sideOf(name, watch)])),
} satisfies Benchmark<PodStream>;
