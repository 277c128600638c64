import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from '../../src/sandbox/ports.ts';
import { until } from './wait.ts';

/** Debian's package prometheus has both; a test that needs one is skipped where it is not. */
export const promtool = find('promtool');
export const prometheus = find('prometheus');
export const noPromtool = 'promtool stands neither on PATH nor in PROMTOOL';
export const noPrometheus = 'prometheus stands neither on PATH nor in PROMETHEUS';

function find(name: string): string | undefined {
  const places = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name));
  return [process.env[name.toUpperCase()], ...places].find((file) => file !== undefined && isExecutable(file));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What promtool says, in whatever way it says it, and whether it is content. */
export function runPromtool(args: string[], { input = '', cwd }: { input?: string; cwd?: string } = {}) {
  const { status, stdout, stderr } = spawnSync(promtool!, args, { input, cwd, encoding: 'utf8' });
  return { status, said: `${stdout}${stderr}` };
}

type Found = { metric: Record<string, string>; value: [number, string] };

/** A real Prometheus that scrapes every second; on loopback, with its data in a folder of its own. */
export class TestPrometheus {
  private readonly url: string;
  readonly close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.close = close;
  }

  static async open(metricsUrls: readonly string[], ruleFiles: readonly string[]): Promise<TestPrometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'test-prometheus-'));
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ruleFiles,
      scrape_configs: [
        {
          job_name: 'cratos-redeploy',
          honor_labels: true,
          static_configs: [{ targets: metricsUrls.map((url) => new URL(url).host) }],
        },
      ],
    };
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const address = `127.0.0.1:${await freePort(0)}`;
    const files = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`];
    const child = spawn(prometheus!, [...files, `--web.listen-address=${address}`], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    const url = `http://${address}`;
    const server = new TestPrometheus(url, async () => {
      child.kill();
      await ended;
      await rm(folder, { recursive: true });
    });
    await until(
      'Prometheus is ready',
      () =>
        fetch(`${url}/-/ready`).then(
          ({ ok }) => ok,
          () => false,
        ),
      30,
    );
    return server;
  }

  async query(query: string): Promise<Found[]> {
    const { result } = await this.get<{ result: Found[] }>(`query?${new URLSearchParams({ query }).toString()}`);
    return result;
  }

  /** The data of an answer that must be one. */
  async get<Data>(path: string): Promise<Data> {
    const answer = await fetch(`${this.url}/api/v1/${path}`);
    const { status, data, error } = (await answer.json()) as { status: string; data: Data; error?: string };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  }
}
