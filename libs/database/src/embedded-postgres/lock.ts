import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isLive, newToken, sweep } from './tokens';

/** Longer than any honest holder needs: a recovery is given five minutes. */
const PATIENCE_MS = 6 * 60_000;

/**
 * Runs work while no other process does the same, and is not held up by the dead.
 *
 * The lock is a directory with one file, named after its holder. It is taken by renaming a ready-made one into
 * place, which fails while a file is in the old one; it is broken by removing the dead holder's file, whose name
 * nobody else's has. So whoever breaks a stale lock can never break the one that has just replaced it.
 */
export async function withLock<T>(
  lock: string,
  announce: (sentence: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const token = newToken();
  await acquire(lock, token, announce);
  try {
    // Claims of processes that died between making and placing one.
    sweep(dirname(lock), `${basename(lock)}.`);
    return await work();
  } finally {
    rmSync(join(lock, token), { force: true });
    removeIfEmpty(lock);
  }
}

async function acquire(lock: string, token: string, announce: (sentence: string) => void): Promise<void> {
  const began = Date.now();
  let announced = false;
  for (;;) {
    const holder = liveHolder(lock);
    if (!holder && claim(lock, token)) return;
    const waited = Date.now() - began;
    const who = `process ${Number.parseInt(holder ?? '', 10)}`;
    if (waited > PATIENCE_MS) throw new Error(`The lock ${lock} is still held by ${who}: end that process.`);
    if (waited > 2_000 && holder && !announced) {
      announce(`Waiting for ${who}, which is starting or stopping the same Postgres.`);
      announced = true;
    }
    await pause(25);
  }
}

/** Who holds the lock; a dead holder is removed. */
function liveHolder(lock: string): string | undefined {
  const holders = entries(lock);
  for (const token of holders) if (!isLive(token)) rmSync(join(lock, token), { force: true });
  // Windows renames nothing onto an existing directory, not even onto an empty one.
  removeIfEmpty(lock);
  return holders.find(isLive);
}

function claim(lock: string, token: string): boolean {
  const ready = `${lock}.${token}`;
  mkdirSync(ready);
  writeFileSync(join(ready, token), '');
  try {
    renameSync(ready, lock);
    return true;
  } catch (error) {
    unlinkSync(join(ready, token));
    rmdirSync(ready);
    const isHeld = process.platform === 'win32' ? ['EPERM', 'EACCES'] : ['ENOTEMPTY', 'EEXIST'];
    if (isHeld.includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Taken again, or already gone.
  }
}
