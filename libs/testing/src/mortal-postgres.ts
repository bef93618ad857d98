import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgres, EmbeddedPostgresOptions } from '@app/database';

/** A Postgres of a test's own, which it may kill. */
export class MortalPostgres {
  private constructor(
    private readonly folder: string,
    private readonly options: EmbeddedPostgresOptions,
    private server: EmbeddedPostgres,
  ) {}

  static async start(): Promise<MortalPostgres> {
    const folder = await mkdtemp(join(tmpdir(), 'mortal-'));
    await chmod(folder, 0o755); // run by root, Postgres is another user
    const options = { dataDir: join(folder, 'data'), dataDirIsExplicit: true, announce: () => undefined };
    return new MortalPostgres(folder, options, await EmbeddedPostgres.start(options));
  }

  get dataDir(): string {
    return this.options.dataDir;
  }

  /** Of the database called `name`, which must end in _test; a process that begins to use it makes it. */
  url(name: string): string {
    return this.server.adminUrl.replace(/postgres$/, name);
  }

  /** Kills it where it stands, and starts it again where it was. */
  async dieAndRise(): Promise<void> {
    const [pid] = (await readFile(join(this.dataDir, 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGKILL');
    const risen = await EmbeddedPostgres.start(this.options);
    await this.server.release();
    this.server = risen;
  }

  async stop(): Promise<void> {
    await this.server.release();
    await rm(this.folder, { recursive: true });
  }
}
