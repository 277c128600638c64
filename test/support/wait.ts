import { setTimeout as pause } from 'node:timers/promises';

/** Looks again and again until there is something to see, and answers with it. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  seconds = 15,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > deadline) throw new Error(`waited ${seconds} s in vain until ${what}`);
    await pause(20);
  }
}
