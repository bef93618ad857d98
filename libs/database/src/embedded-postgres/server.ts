import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readPassword } from './cluster';
import type { Place } from './place';
import { rememberedPort } from './port';
import { seemsToServe, serversIn } from './processes';
import type { Programs } from './programs';
import { waitUntilReady } from './readiness';
import { clearRemains } from './remains';
import { type Account, cannotRun, run, spawnOptions } from './run';

/** What docker-compose.yml gives its Postgres too. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '', // a socket's path may have 107 bytes, a project's path has more
  max_connections: 300,
  max_locks_per_transaction: 256, // one transaction that provisions or drops a tenant locks all its tables
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** And what it is told where its data are disposable. A server that is killed loses nothing by it, for the system writes on. */
const IN_NO_HURRY = { fsync: 'off', full_page_writes: 'off' };

/** The Postgres server of one cluster. Callers hold the cluster's lock. */
export class Server {
  constructor(
    private readonly place: Place,
    private readonly programs: Programs,
    private readonly account: Account | undefined,
    private readonly announce: (sentence: string) => void,
    private readonly isDisposable: boolean,
  ) {}

  /** The URL of the server that already runs, once it answers; undefined when none does. */
  adopt(): Promise<string | undefined> {
    const urlOfRunning = async () => {
      const running = await this.find();
      return running && this.url(running.port);
    };
    return waitUntilReady(urlOfRunning, this.place.password, this.announce);
  }

  /** Starts the server, over whatever a killed one has left, and returns its URL. */
  async start(): Promise<string> {
    await clearRemains(this.place.dataDir, this.account, this.announce);
    const port = await rememberedPort(this.place.port);
    const deadline = Date.now() + 15_000;
    for (;;) {
      const url = await this.launch(port);
      if (url) return url;
      const log = lastLines(this.place.log);
      // Left behind by a killed server where we could not see them; they end once they notice.
      if (log.includes('pre-existing shared memory block') && Date.now() < deadline) await pause(200);
      else throw new Error(`Postgres has not started. ${this.place.log} ends with:\n${log}`);
    }
  }

  /** Stops the server cleanly, if it runs. */
  async stop(): Promise<void> {
    const { dataDir } = this.place;
    if (await this.find()) await run(this.programs.pgCtl, ['stop', '-m', 'fast', '-w', '-D', dataDir], this.account);
  }

  private async launch(port: number): Promise<string | undefined> {
    const { dataDir, log } = this.place;
    // Two runs are kept: this one, and the one that tells why this one was needed.
    if (existsSync(log)) renameSync(log, `${log}.1`);
    const output = openSync(log, 'w', 0o600);
    const wanted = this.isDisposable ? { ...SETTINGS, ...IN_NO_HURRY } : SETTINGS;
    const settings = Object.entries(wanted).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    // Not by pg_ctl, which puts its arguments through a shell.
    const server = spawn(this.programs.postgres, ['-D', dataDir, '-p', `${port}`, ...settings], {
      ...spawnOptions(this.programs.postgres, this.account),
      detached: true,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    await once(server, 'spawn').catch((error: Error) => Promise.reject(cannotRun(this.programs.postgres, error, '')));
    server.unref();
    const urlOfLiving = async () =>
      server.exitCode === null && server.signalCode === null ? this.url(port) : undefined;
    try {
      return await waitUntilReady(urlOfLiving, this.place.password, this.announce);
    } catch (error) {
      server.kill('SIGQUIT');
      throw new Error(`${(error as Error).message} ${log} ends with:\n${lastLines(log)}`, { cause: error });
    }
  }

  private async find(): Promise<{ port: number } | undefined> {
    const { dataDir } = this.place;
    const pidFile = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
    const [pid, , , port] = pidFile.split('\n').map(Number);
    if (!pid) return undefined;
    const servers = await serversIn(dataDir, this.account);
    const isRunning = servers ? servers.includes(pid) : seemsToServe(pid, dataDir);
    return isRunning ? { port } : undefined;
  }

  private url(port: number): string {
    const password = readPassword(this.place.dataDir, this.place.password);
    return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  }
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
}
