import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

/** The system user whom root lends to Postgres, which refuses to run as root. */
export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/** How every program here is spawned: as the account, untouched by the caller's PG* variables, language and Ctrl-C. */
export function spawnOptions(program: string, account: Account | undefined) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('PG'));
  return {
    env: { ...Object.fromEntries(own), LC_ALL: 'C' },
    // The caller's directory may be closed to the account; the program's own is not.
    cwd: dirname(program),
    // A process group of its own: Ctrl-C in the terminal reaches Node only, which then stops the server in order.
    detached: process.platform !== 'win32',
    windowsHide: true,
    ...(account && { uid: account.uid, gid: account.gid }),
  };
}

/** Runs a program to its end and returns what it printed; a failure is an Error with what it complained of. */
export function run(program: string, args: string[], account: Account | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { ...spawnOptions(program, account), encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error) reject(cannotRun(program, error, `${stdout}${stderr}`));
      else resolve(stdout);
    });
  });
}

/** The Error for a program that failed, or that could not even be spawned. */
export function cannotRun(program: string, error: Error, output: string): Error {
  const code = (error as NodeJS.ErrnoException).code;
  // The file is there, but not the loader it asks for.
  if (code === 'ENOENT' && existsSync(program)) {
    return new Error(
      `${program} does not run here: the embedded Postgres needs glibc, which musl systems such as Alpine lack. ` +
        'Set DATABASE_URL to a Postgres of your own.',
      { cause: error },
    );
  }
  return new Error(`${program} failed: ${output.trim() || error.message}`, { cause: error });
}
