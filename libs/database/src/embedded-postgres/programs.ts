import { existsSync, lstatSync, readFileSync, symlinkSync } from 'node:fs';
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { firstClosed } from './account';
import { ancestors, makeDirectory, type Place, ROOTS_HOME } from './place';
import type { PlatformPackage } from './platform-package';
import { type Account, run } from './run';
import { newToken, sweep } from './tokens';

/** The Postgres programs, where they can be run. */
export interface Programs {
  initdb: string;
  pgCtl: string;
  postgres: string;
}

/** Makes the programs of a package ready to run: in place where that is possible, else in a copy made once. */
export async function preparePrograms(
  from: PlatformPackage,
  place: Place,
  account: Account | undefined,
): Promise<Programs> {
  const usable = isPlain(from.directory) && (await isOpen(from.directory, account)) && makeMissingLinks(from.directory);
  return programsIn(usable ? from.directory : await copy(from, copiesOf(place, account), account));
}

async function copy(from: PlatformPackage, home: string, account: Account | undefined): Promise<string> {
  const target = join(home, from.id);
  if (existsSync(target)) return target;
  makeDirectory(home, account);
  sweep(home, 'unfinished.');
  const unfinished = join(home, `unfinished.${newToken()}`);
  try {
    await mkdir(unfinished);
    await cp(join(from.directory, 'native'), join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
    makeMissingLinks(unfinished);
    if (account) await run('chmod', ['-R', 'a+rX', unfinished], undefined);
    await rename(unfinished, target).catch((error: unknown) => {
      // Another process was faster.
      if (!existsSync(target)) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return target;
}

/** The `.so` links that npm cannot pack and an install script would make; false where they may not be made. */
function makeMissingLinks(directory: string): boolean {
  const list = join(directory, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, 'utf8'));
  try {
    for (const { source, target } of links) makeLink(join(directory, target), relative(dirname(target), source));
    return true;
  } catch {
    return false;
  }
}

function makeLink(link: string, to: string): void {
  const isThere = () => lstatSync(link, { throwIfNoEntry: false }) !== undefined;
  if (isThere()) return;
  try {
    symlinkSync(to, link);
  } catch (error) {
    // Another process may have made it between the look and the act.
    if (!isThere()) throw error;
  }
}

function copiesOf(place: Place, account: Account | undefined): string {
  const cache = join(homedir(), '.cache', 'nestjs-pg-typeorm-starter');
  const home = [account ? ROOTS_HOME : place.beside, cache].find(isPlain);
  if (!home)
    throw new Error(`Postgres cannot run below ${place.beside}: take quotes and dollar signs out of the path.`);
  return join(home, 'binaries');
}

/** initdb puts its own path in double quotes for a shell, without escaping what is special there. */
function isPlain(path: string): boolean {
  return process.platform === 'win32' || !/["$`\\\n]/.test(path);
}

async function isOpen(directory: string, account: Account | undefined): Promise<boolean> {
  const { postgres } = programsIn(directory);
  return !account || !(await firstClosed([...ancestors(postgres), postgres], account));
}

function programsIn(directory: string): Programs {
  const program = (name: string) =>
    join(directory, 'native', 'bin', process.platform === 'win32' ? `${name}.exe` : name);
  return { initdb: program('initdb'), pgCtl: program('pg_ctl'), postgres: program('postgres') };
}
