import type { Service } from '../../src/service.ts';

export type Sample = { name: string; labels: Record<string, string>; value: number };

/** What /metrics told at one moment. */
export class Scrape {
  readonly text: string;
  readonly samples: readonly Sample[];

  constructor(text: string) {
    this.text = text;
    this.samples = text.split('\n').flatMap((line) => {
      const [, name, labels = '', value] = /^([a-z_][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === undefined) return [];
      const pairs = Array.from(labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g), ([, label, text]) => [label, text]);
      return [{ name, labels: Object.fromEntries(pairs) as Sample['labels'], value: Number(value) }];
    });
  }

  static async of({ metricsUrl }: Pick<Service, 'metricsUrl'>): Promise<Scrape> {
    const response = await fetch(metricsUrl!);
    if (!response.ok) throw new Error(`${metricsUrl} answers ${response.status}`);
    return new Scrape(await response.text());
  }

  /** Of the one sample that has these labels; undefined where there is none. */
  value(name: string, labels: Record<string, string> = {}): number | undefined {
    return this.all(name, labels)[0]?.value;
  }

  all(name: string, labels: Record<string, string> = {}): Sample[] {
    return this.samples.filter(
      (sample) =>
        sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
  }

  /** Names with their types, as `# TYPE` has them. */
  get types(): Record<string, string> {
    return Object.fromEntries(
      Array.from(this.text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name, type]) => [name, type]),
    );
  }

  /** What is told from the record, which every replica tells alike, in whatever order. */
  get record(): string[] {
    return this.text
      .split('\n')
      .filter((line) => line.startsWith('app_redeploy_'))
      .sort();
  }
}
