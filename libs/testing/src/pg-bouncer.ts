import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

const NOBODY = 65_534; // whom root runs it as, for PgBouncer refuses to be root

/** A PgBouncer in transaction mode: each transaction of its clients runs on whichever of a few servers is free. */
export class PgBouncer {
  private constructor(
    private readonly program: ChildProcess,
    private readonly folder: string,
    /** Where it takes the login it was started for to the database. */
    readonly url: string,
  ) {}

  /** Where the program is, if this machine has it: Debian keeps it where PATH seldom looks. */
  static get program(): string | undefined {
    const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
    return folders.map((folder) => join(folder, 'pgbouncer')).find((path) => existsSync(path));
  }

  /** Starts one before the database and for the login in `target`, with at most `servers` connections to it. */
  static async before(target: string, servers: number): Promise<PgBouncer> {
    const [folder, port] = [await mkdtemp(join(tmpdir(), 'pgbouncer-')), await freePort()];
    const [settings, users, url] = [join(folder, 'pgbouncer.ini'), join(folder, 'users.txt'), new URL(target)];
    await writeFile(users, `"${decodeURIComponent(url.username)}" "${decodeURIComponent(url.password)}"\n`);
    await writeFile(
      settings,
      `[databases]
       * = host=${url.hostname} port=${url.port || 5432}
       [pgbouncer]
       listen_addr = 127.0.0.1
       listen_port = ${port}
       unix_socket_dir =
       auth_type = scram-sha-256
       auth_file = ${users}
       pool_mode = transaction
       default_pool_size = ${servers}`.replaceAll(/^ +/gm, ''),
    );
    const account = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    if (account.uid) for (const path of [folder, settings, users]) await chown(path, account.uid, account.gid);
    const program = spawn(this.program!, [settings], { ...account, stdio: ['ignore', 'ignore', 'pipe'] });
    await isUp(program);
    url.host = `127.0.0.1:${port}`;
    return new PgBouncer(program, folder, url.href);
  }

  async stop(): Promise<void> {
    const closed = once(this.program, 'close');
    this.program.kill('SIGTERM');
    await closed;
    await rm(this.folder, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Waits until it says so; throws what it said instead when it ended. */
function isUp(program: ChildProcess): Promise<void> {
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    createInterface({ input: program.stderr! }).on('line', (line) => {
      lines.push(line);
      if (line.includes('process up')) resolve();
    });
    program.once('error', reject);
    program.once('close', () => reject(new Error(`PgBouncer ended:\n${lines.join('\n')}`)));
  });
}
