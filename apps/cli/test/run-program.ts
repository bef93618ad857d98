import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ScratchDatabase } from '@app/testing';

/** The built command line. */
export const CLI = 'dist/apps/cli/src/main.js';

/** Runs a program of the built project on `database`, in `cwd`; gives what it said and how it ended. */
export async function runProgram(
  database: ScratchDatabase,
  program: string,
  args: string[],
  cwd: string = process.cwd(),
  more: NodeJS.ProcessEnv = {},
) {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    NODE_ENV: 'test',
    DATABASE_URL: database.url,
    SCHEMA_PREFIX: database.prefix,
    ...more,
  };
  const outcome = (code: number, stdout: string, stderr: string) => ({ code, said: stdout + stderr, stdout, stderr });
  return promisify(execFile)(process.execPath, [program, ...args], { cwd, env }).then(
    ({ stdout, stderr }) => outcome(0, stdout, stderr),
    (error: { code: number; stdout: string; stderr: string }) => outcome(error.code, error.stdout, error.stderr),
  );
}
