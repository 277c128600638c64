/** What was sent and what came of it. */
export class Tally {
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #faults = new Map<string, { what: string; times: number; sent: string }>();

  count(transport: string, answer: string): void {
    const answers = this.#counts.get(transport) ?? new Map<string, number>();
    this.#counts.set(transport, answers.set(answer, (answers.get(answer) ?? 0) + 1));
  }

  /** With what was sent, as far as it says anything; what is wrong in the same way is told once. */
  blame(what: string, sent: unknown): void {
    const alike = what.replaceAll(/\d+/g, 'N');
    const known = this.#faults.get(alike);
    if (known) known.times += 1;
    else this.#faults.set(alike, { what, times: 1, sent: JSON.stringify(sent).slice(0, 2_000) });
  }

  get total(): number {
    return [...this.#counts.values()].flatMap((answers) => [...answers.values()]).reduce((sum, one) => sum + one, 0);
  }

  get faults(): string[] {
    return [...this.#faults.values()].map(({ what, times, sent }) => `${what} (${times} times), for one to ${sent}`);
  }

  toString(): string {
    const lines = [...this.#counts].map(([transport, answers]) => {
      const sorted = [...answers].sort(([, one], [, other]) => other - one);
      const sum = sorted.reduce((total, [, count]) => total + count, 0);
      return `  ${transport} ${sum}: ${sorted.map(([answer, count]) => `${answer.trim()} ${count}`).join(', ')}`;
    });
    return `${this.total} hostile requests\n${lines.join('\n')}`;
  }
}
