import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { serversIn } from './processes';
import type { Account } from './run';

const [ASK_MS, KILL_MS, GIVE_UP_MS] = [1_000, 5_000, 15_000];

/** Clears away what a killed server has left: its pid file, and backends that have not noticed its death. */
export async function clearRemains(
  dataDir: string,
  account: Account | undefined,
  announce: (sentence: string) => void,
): Promise<void> {
  const began = Date.now();
  let announced = false;
  for (;;) {
    const left = (await serversIn(dataDir, account)) ?? [];
    if (left.length === 0) break;
    const waited = Date.now() - began;
    if (waited > GIVE_UP_MS) {
      throw new Error(`Processes ${left.join(', ')} of an earlier Postgres still use ${dataDir}: end them.`);
    }
    // Crash recovery follows in any case, so ending them loses nothing that is not lost already.
    if (waited > ASK_MS) for (const pid of left) signal(pid, waited > KILL_MS ? 'SIGKILL' : 'SIGQUIT');
    if (waited > ASK_MS && !announced) {
      announce(`Ending processes ${left.join(', ')}, which a killed Postgres has left behind.`);
      announced = true;
    }
    await pause(50);
  }
  // Postgres would take any process that has got the pid since for its predecessor.
  rmSync(join(dataDir, 'postmaster.pid'), { force: true });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}
