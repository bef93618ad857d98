import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { firstClosed } from './account';
import type { Account } from './run';

/** Where root keeps what the server's account must be able to reach. */
export const ROOTS_HOME = '/var/lib/nestjs-pg-typeorm-starter';

/** Where one cluster lies, and beside it what is remembered about it. */
export interface Place {
  /** Postgres's own directory; nothing of ours is in it. */
  dataDir: string;
  /** The directory of all that follows. */
  beside: string;
  password: string;
  port: string;
  log: string;
  lock: string;
  leases: string;
}

/** Decides where a cluster lies, writing nothing: root's default moves to where the server's account can reach it. */
export async function settle(
  options: { dataDir: string; dataDirIsExplicit: boolean; announce: (sentence: string) => void },
  account: Account | undefined,
): Promise<Place> {
  const wanted = truePath(resolve(options.dataDir));
  const closed = account && (await firstClosed(ancestors(wanted), account));
  if (!closed) return placeAt(wanted);
  const why = `Postgres runs as the user "${account.name}", who may not enter ${closed}`;
  if (options.dataDirIsExplicit) {
    throw new Error(
      `The data directory ${wanted} cannot be used: ${why}. ` +
        `Open that directory (chmod o+x ${closed}), choose another POSTGRES_DATA_DIR, or start as an ordinary user.`,
    );
  }
  const moved = join(ROOTS_HOME, createHash('sha256').update(wanted).digest('hex').slice(0, 16));
  options.announce(`${why}: the data lie in ${moved} instead of ${wanted}.`);
  return placeAt(moved);
}

/** Makes a directory that the server's account can enter, whatever root's umask. */
export function makeDirectory(directory: string, account: Account | undefined): void {
  let first: string | undefined;
  try {
    first = mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw new Error(`${directory} cannot be made (${(error as Error).message}): choose another POSTGRES_DATA_DIR.`, {
      cause: error,
    });
  }
  if (!first || !account) return;
  const made = [...ancestors(directory), directory].filter((path) => path.startsWith(first));
  for (const path of made) chmodSync(path, 0o755);
}

/** All directories above a path, from the root down. */
export function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [...ancestors(parent), parent];
}

function placeAt(dataDir: string): Place {
  const beside = `${dataDir}.embedded`;
  return {
    dataDir,
    beside,
    password: join(beside, 'password'),
    port: join(beside, 'port'),
    log: join(beside, 'postgres.log'),
    lock: join(beside, 'lock'),
    leases: join(beside, 'leases'),
  };
}

/** One name for one directory, so that processes that come through different links meet at the same lock. */
function truePath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    return join(truePath(dirname(path)), basename(path));
  }
}
