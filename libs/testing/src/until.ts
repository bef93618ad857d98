import { setTimeout as pause } from 'node:timers/promises';

const LOOKS_EVERY_MS = 20; // which leaves the processors to what is waited for
const PATIENCE_MS = 100_000; // less than a test has, so that it says what it waited for

type Nothing = false | 0 | null | undefined;

/** Looks until there is something, and gives that. Throws when it has not come in `patience` ms. */
export async function until<T>(look: () => T | Nothing | Promise<T | Nothing>, patience = PATIENCE_MS): Promise<T> {
  for (const deadline = performance.now() + patience; ; await pause(LOOKS_EVERY_MS)) {
    const found = await look();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`Waited in vain for ${look.toString()}`);
  }
}
