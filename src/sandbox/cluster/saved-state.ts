import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SavedObjects, Store } from './store.ts';

const debounceMilliseconds = 250;

export type SavedState = SavedObjects & { format: 1; token: string };

export function readState(file: string | undefined): SavedState | undefined {
  if (file === undefined || !existsSync(file)) return undefined;
  const state = JSON.parse(readFileSync(file, 'utf8')) as SavedState;
  if (state.format !== 1) throw new Error(`${file} is not the state of a simulated cluster`);
  return state;
}

/** Keeps the file in step with the store. A write goes beside it first, so that the file is always whole. */
export class StateKeeper {
  readonly #file: string;
  readonly #store: Store;
  readonly #token: string;
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(file: string, store: Store, token: string) {
    this.#file = file;
    this.#store = store;
    this.#token = token;
    mkdirSync(dirname(file), { recursive: true });
    this.#unsubscribe = store.subscribe(() => {
      this.#timer ??= setTimeout(() => this.#write(), debounceMilliseconds);
    });
    this.#write();
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const state: SavedState = { format: 1, token: this.#token, ...this.#store.saved() };
    const beside = `${this.#file}.${randomBytes(4).toString('hex')}`;
    // The bearer token stands in it.
    writeFileSync(beside, JSON.stringify(state), { mode: 0o600 });
    renameSync(beside, this.#file);
  }

  stop(): void {
    this.#unsubscribe();
    this.#write();
  }
}
