import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type Account, run } from './run';

/** The beginning of a process that lives but tells nothing of itself. */
export const UNKNOWN = 'unknown';

/** The Postgres processes that work in a data directory, or undefined where the platform does not tell. */
export async function serversIn(dataDir: string, account: Account | undefined): Promise<number[] | undefined> {
  if (process.platform !== 'linux') return undefined;
  // The shell looks with the server's own account: root in a container may not read another user's /proc/<pid>/cwd.
  const look = `for p in /proc/[0-9]*; do
    [ "$p/cwd" -ef "$1" ] && read -r name < "$p/comm" && [ "$name" = postgres ] && echo "\${p#/proc/}"
  done 2>/dev/null; true`;
  const found = await run('/bin/sh', ['-c', look, 'sh', dataDir], account);
  return found.split('\n').filter(Boolean).map(Number);
}

/** Whether a pid serves a data directory, as far as a platform without /proc tells. */
export function seemsToServe(pid: number, dataDir: string): boolean {
  if (beginningOf(pid) === undefined) return false;
  return process.platform === 'win32' || ps(pid, 'command').includes(dataDir);
}

/** When a process began, in whatever form the platform keeps it; undefined when there is no such process. */
export function beginningOf(pid: number): string | undefined {
  if (!(pid > 0)) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, but belongs to someone else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  try {
    if (process.platform === 'linux') return beginningOnLinux(pid);
    if (process.platform !== 'win32') return ps(pid, 'lstart').replace(/\W+/g, '-') || UNKNOWN;
  } catch {
    // Not readable, as under hidepid: better to take a dead process for living than the reverse.
  }
  return UNKNOWN;
}

function beginningOnLinux(pid: number): string | undefined {
  // The second field is the program's name in brackets and may itself hold spaces and brackets.
  const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  if (state === 'Z' || state === 'X') return undefined;
  // Field 22 counts ticks since the boot, so it only means something together with the boot.
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
  return `${boot}-${fields[18]}`;
}

function ps(pid: number, column: string): string {
  // lstart is written in the reader's language and time zone.
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  return execFileSync('ps', ['-o', `${column}=`, '-p', `${pid}`], { env, encoding: 'utf8' }).trim();
}
