import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { EmbeddedPostgres, removeInstallation } from '@app/database';
import { BookTable } from './book-table';
import type { Kind } from './kinds';
import { Program, Target } from './targets/target';

const DATABASE = 'bench';

/** Every schema prefix and so every role of ours begins with this. */
export const PREFIX = 'bench_';

/** Where the targets run: a Postgres of the bench's own, one database, and their logs; nothing of it stays. */
export class Stage {
  private readonly targets: Target[] = [];
  private cleared?: Promise<void>;

  private constructor(
    private readonly postgres: EmbeddedPostgres,
    private readonly admin: Client,
    private readonly logs: string,
    readonly postgresVersion: string,
  ) {}

  static async set(announce: (line: string) => void): Promise<Stage> {
    const postgres = await EmbeddedPostgres.start({
      dataDir: '.data/postgres-bench',
      dataDirIsExplicit: false,
      announce,
    });
    const admin = new Client({ connectionString: postgres.adminUrl });
    try {
      await admin.connect();
      await refuseCompany(admin);
      await removeRemains(admin); // of a run that was killed
      await admin.query(`CREATE DATABASE ${DATABASE}`);
      const { rows } = await admin.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
      return new Stage(postgres, admin, await mkdtemp(join(tmpdir(), 'bench-')), rows[0].version);
    } catch (error) {
      await admin.end();
      await postgres.release();
      throw error;
    }
  }

  /** The database, with `schema` in front of all others if it is given. */
  url(schema?: string): string {
    const url = new URL(this.postgres.adminUrl);
    url.pathname = `/${DATABASE}`;
    if (schema) url.searchParams.set('options', `-c search_path=${schema}`);
    return url.href;
  }

  table(schema: string, kind?: Kind): BookTable {
    return new BookTable(this.url(), schema, kind);
  }

  /** Starts a program that `clear` will stop. */
  async start(name: string, holds: number, table: BookTable, program: Program): Promise<Target> {
    const target = new Target(name, holds, table, program, this.logs);
    this.targets.push(target);
    await target.start();
    return target;
  }

  /** Stops every target and takes away all they have left, once. */
  clear(): Promise<void> {
    return (this.cleared ??= this.takeAway());
  }

  private async takeAway(): Promise<void> {
    await Promise.all(this.targets.map((target) => target.stop()));
    await removeRemains(this.admin);
    await this.admin.end();
    await this.postgres.release();
    await rm(this.logs, { recursive: true });
  }
}

/** Two benches would slow each other, and drop each other's database; the lock ends with the connection. */
async function refuseCompany(admin: Client): Promise<void> {
  const { rows } = await admin.query<{ free: boolean }>(
    `SELECT pg_try_advisory_lock(hashtextextended('bench', 0)) AS free`,
  );
  if (!rows[0].free) throw new Error('Another bench is running here, and two would slow each other: wait for its end.');
}

async function removeRemains(admin: Client): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${DATABASE} WITH (FORCE)`);
  await removeInstallation(admin, PREFIX);
}
