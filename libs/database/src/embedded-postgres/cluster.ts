import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { chown, mkdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Place } from './place';
import type { Programs } from './programs';
import { type Account, run } from './run';
import { newToken, sweep } from './tokens';

/** Says whether a cluster is there; whatever else is found in its place is refused in a sentence and left alone. */
export function hasCluster({ dataDir, password }: Place, major: number, account: Account | undefined): boolean {
  const found = contents(dataDir);
  if (found.length === 0) return false;
  const refuse = (sentence: string) => new Error(`${sentence} Nothing was changed.`);
  if (!found.includes('PG_VERSION')) {
    throw refuse(`${dataDir} is not empty and not a Postgres data directory: choose another POSTGRES_DATA_DIR.`);
  }
  const version = readFileSync(join(dataDir, 'PG_VERSION'), 'utf8').trim();
  if (version !== `${major}`) {
    throw refuse(
      `${dataDir} was written by Postgres ${version}, and this is Postgres ${major}, which cannot read it. ` +
        `Dump it with Postgres ${version} and restore the dump, set POSTGRES_DATA_DIR to another directory, ` +
        'or delete it if its data may go.',
    );
  }
  const owner = statSync(dataDir).uid;
  const server = account?.uid ?? process.getuid?.() ?? owner;
  if (owner !== server) {
    throw refuse(
      `${dataDir} belongs to user ${owner}, and Postgres would run as user ${server}: ` +
        `start as its owner, give it away (chown -R ${server}), or choose another POSTGRES_DATA_DIR.`,
    );
  }
  readPassword(dataDir, password);
  return true;
}

/** The superuser's password, which is made together with the cluster. */
export function readPassword(dataDir: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Error(
      `${dataDir} holds a Postgres cluster, but the password of its user "postgres" is not in ${file}. ` +
        'Write it there, or choose another POSTGRES_DATA_DIR. Nothing was changed.',
      { cause: error },
    );
  }
}

/** Makes the cluster: elsewhere first, then moved into place at a stroke, so that no half-made one is ever found. */
export async function initialise(place: Place, programs: Programs, account: Account | undefined): Promise<void> {
  // A new name each time: the initdb of a killed process may still be writing to its own.
  const staging = join(place.beside, `initialising.${newToken()}`);
  sweep(place.beside, 'initialising.');
  const password = randomBytes(24).toString('base64url');
  const passwordFile = join(staging, 'password');
  await mkdir(staging, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (account) await Promise.all([staging, passwordFile].map((path) => chown(path, account.uid, account.gid)));
  try {
    await initdb(programs, join(staging, 'cluster'), passwordFile, account);
    // An old file would keep its mode.
    rmSync(place.password, { force: true });
    await writeFile(place.password, password, { mode: 0o600, flush: true });
    await moveInto(place.dataDir, join(staging, 'cluster'));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function initdb(programs: Programs, directory: string, passwordFile: string, account: Account | undefined) {
  const options = ['--auth-host=scram-sha-256', '--auth-local=scram-sha-256', '--encoding=UTF8', '--locale=C'];
  const args = ['-D', directory, '-U', 'postgres', `--pwfile=${passwordFile}`, ...options];
  try {
    // Sorted by code point everywhere; with C.UTF-8 upper() and lower() also know letters beyond ASCII.
    await run(programs.initdb, [...args, '--lc-ctype=C.UTF-8'], account);
  } catch (error) {
    if (!String(error).includes('invalid locale name')) throw error;
    await run(programs.initdb, args, account);
  }
}

async function moveInto(dataDir: string, made: string): Promise<void> {
  try {
    await rmdir(dataDir).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rename(made, dataDir);
  } catch (error) {
    throw new Error(
      `${dataDir} cannot be put into place (${(error as Error).message}). If it is a mount point, ` +
        `set POSTGRES_DATA_DIR to a directory inside it.`,
      { cause: error },
    );
  }
}

function contents(dataDir: string): string[] {
  try {
    return readdirSync(dataDir);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    const owner = code === 'EACCES' ? 'start as the user it belongs to, or ' : '';
    throw new Error(`${dataDir} cannot be read (${message}): ${owner}choose another POSTGRES_DATA_DIR.`, {
      cause: error,
    });
  }
}
