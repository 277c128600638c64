/**
 * One benchmark: a file of bench/benchmarks exports it as its default. Every side does the same work in a child process
 * of its own, the product's and each reference's, in rounds that take turns.
 */
export type Benchmark<Setting = unknown> = {
  name: string;
  /** What is measured in each round, with its unit. `cpu`, in µs of CPU per unit of work, the harness measures itself. */
  figures: Readonly<Record<string, string>>;
  goals: readonly Goal[];
  sides: Readonly<Record<string, Side<Setting>>>;
  /** Starts what the sides share; what it answers is handed to each of them as JSON. */
  prepare: (keep: Keep) => Promise<Setting>;
  /** How many rounds count, after those that warm up; fewer where the time runs out. */
  rounds?: number;
  /** How many come before and do not count; two, where a round is not long enough to warm up by itself. */
  warmUps?: number;
  /** Why it cannot be run here, or null. */
  skipped?: () => string | null;
};

/** A figure of one side, or its ratio to that of another one. */
export type Goal = { figure: string; of: string; against?: string } & ({ atMost: number } | { atLeast: number });

/** Opens a side in its own process. */
export type Side<Setting> = (setting: Setting) => Promise<OpenSide>;

export type OpenSide = {
  /** Does a round's work; answers how many units of it were done, and what else was measured. */
  round: () => Promise<Figures & { units: number }>;
  /** What is looked at once a round is over; its CPU does not count. */
  afterwards?: () => Promise<Figures>;
  /** Processes that work for this side beside its own; their children's work counts too. */
  pids?: readonly number[];
  close: () => Promise<void>;
};

export type Figures = Record<string, number>;

/** Keeps something until the benchmark is over; what was kept last ends first. */
export type Keep = <Part extends { stop: () => Promise<unknown> }>(starting: Promise<Part>) => Promise<Part>;
