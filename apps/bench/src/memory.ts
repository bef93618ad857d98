import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';

const PROC = '/proc/self/status';
const EVERY = 100; // ms: a garbage collection later, a peak is gone

/** What `work` gives, and by how many megabytes the process grew at most while it ran; NaN where nobody can say. */
export async function withMemoryOf<T>(pid: number, work: () => Promise<T>): Promise<{ result: T; grownBy: number }> {
  const before = await residentMegabytes(pid);
  let peak = before;
  const over = new AbortController();
  const watching = (async () => {
    for (; !over.signal.aborted; await wait(EVERY)) peak = Math.max(peak, await residentMegabytes(pid));
  })();
  try {
    const result = await work();
    return { result, grownBy: Math.max(peak, await residentMegabytes(pid)) - before };
  } finally {
    over.abort();
    await watching;
  }
}

/** How much memory a process has to itself; NaN where nobody can say. */
export const ownMegabytes = (pid: number): Promise<number> => megabytes(pid, 'RssAnon');

/** How much of the machine's memory a process holds. */
async function residentMegabytes(pid: number): Promise<number> {
  if (existsSync(PROC)) {
    return megabytes(pid, 'VmRSS');
  }
  if (process.platform === 'win32') return NaN;
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', `${pid}`]);
  return Number(stdout) / 1_024;
}

/** What Linux says in /proc of a process. */
async function megabytes(pid: number, entry: 'VmRSS' | 'RssAnon'): Promise<number> {
  if (!existsSync(PROC)) return NaN;
  const [, kilobytes] =
    new RegExp(`^${entry}:\\s+(\\d+) kB$`, 'm').exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1_024;
}
