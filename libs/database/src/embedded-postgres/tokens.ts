import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beginningOf, UNKNOWN } from './processes';

/** A name for something one process holds: its pid, when it began, and a nonce for this very holding. */
export function newToken(): string {
  return `${process.pid}.${beginningOf(process.pid)}.${randomUUID()}`;
}

/** Whether the process that made a token still lives; a recycled pid began at another time and does not count. */
export function isLive(token: string): boolean {
  const [pid, began] = token.split('.');
  const beganNow = beginningOf(Number(pid));
  return beganNow !== undefined && (beganNow === UNKNOWN || beganNow === began);
}

/** The live tokens in a directory, after a prefix; what the dead have left under theirs is removed. */
export function sweep(directory: string, prefix = ''): string[] {
  mkdirSync(directory, { recursive: true });
  const tokens = readdirSync(directory)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
  for (const token of tokens.filter((each) => !isLive(each))) remove(join(directory, `${prefix}${token}`));
  return tokens.filter(isLive);
}

function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // A killed process's child may still be writing in it; the next sweep gets the rest.
  }
}
