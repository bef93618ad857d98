import { Client } from 'pg';
import { withAdmin } from '@app/database';
import { ID_OF_N, LONG_AGO } from './books';
import type { Kind } from './kinds';

/** The books of one target, and the way to have the same ones before every measurement. */
export class BookTable {
  constructor(
    private readonly adminUrl: string,
    private readonly schema: string,
    private readonly kind: Kind = 'standard',
  ) {}

  /** With its schema. */
  get name(): string {
    return `${this.schema}.book`;
  }

  /** Makes the table, in a schema of its own, with the columns and indexes of `model`. */
  createLike(model: BookTable): Promise<void> {
    return withAdmin(this.adminUrl, async (client) => {
      await client.query(`CREATE SCHEMA ${this.schema}`);
      await client.query(`CREATE TABLE ${this.name} (LIKE ${model.name} INCLUDING ALL)`);
      await client.query(`ALTER TABLE ${this.name} ALTER id SET DEFAULT gen_random_uuid()`); // for who gives none
    });
  }

  /** Keeps Postgres from tidying up behind a measurement: `hold` does it before. */
  leaveToUs(): Promise<void> {
    return withAdmin(this.adminUrl, async (client) => {
      for (const table of this.tables) await client.query(`ALTER TABLE ${table} SET (autovacuum_enabled = false)`);
    });
  }

  /** Has it hold exactly the first `count` books, tidy and with nothing left to write: what a workload added is gone. */
  hold(count: number): Promise<void> {
    return withAdmin(this.adminUrl, async (client) => {
      await client.query(`SET session_replication_role = replica`); // past all triggers: nothing of this is to be remembered
      const isFarTooLarge = (await this.countBy(client)) > 2 * count; // then TRUNCATE and all anew is faster
      if (isFarTooLarge) await client.query(`TRUNCATE ${this.name} CASCADE`);
      else await client.query(`DELETE FROM ${this.name} WHERE created_at > ${timeOf(`${count}`)}`);

      const { rowCount } = await client.query(
        `INSERT INTO ${this.name} (id, identifier, name, author, release_year, created_at, updated_at, version)
         SELECT ${ID_OF_N}, 'held-' || n, 'A Brief Horror Story of Time', 'Stephen "Hawk" King', 2035,
                ${timeOf('n')}, ${timeOf('n')}, 1
           FROM generate_series(${await this.countBy(client)} + 1, ${count}) AS n`,
      );
      await this.forget(client);
      await client.query(`VACUUM ${rowCount ? '(ANALYZE)' : ''} ${this.tables.join(', ')}`);
      await client.query('CHECKPOINT');
    });
  }

  count(): Promise<number> {
    return withAdmin(this.adminUrl, (client) => this.countBy(client));
  }

  /** The processes in Postgres that serve `user`. */
  backendsOf(user: string): Promise<number[]> {
    return withAdmin(this.adminUrl, async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pid FROM pg_stat_activity WHERE usename = $1', [
        user,
      ]);
      return rows.map(({ pid }) => pid);
    });
  }

  /** Its table, and what is written along with it. */
  private get tables(): string[] {
    const beside = { standard: [], audited: ['audit_log'], 'append-only': ['book_versions'] }[this.kind];
    return [this.name, ...beside.map((table) => `${this.schema}.${table}`)];
  }

  /** Brings what is written along with the books to what they are now. */
  private async forget(client: Client): Promise<void> {
    if (this.kind === 'audited') await client.query(`TRUNCATE ${this.schema}.audit_log`);
    if (this.kind !== 'append-only') return;
    const columns = 'id, identifier, name, author, release_year, created_at, updated_at, version';
    const versions = `${this.schema}.book_versions`;
    await client.query(
      `DELETE FROM ${versions} AS v WHERE NOT EXISTS (SELECT FROM ${this.name} AS b WHERE b.id = v.id)`,
    );
    await client.query(
      `INSERT INTO ${versions} (${columns}, valid_from, actor)
       SELECT ${columns}, created_at, 'bench' FROM ${this.name} AS b WHERE NOT EXISTS (SELECT FROM ${versions} AS v WHERE v.id = b.id)`,
    );
  }

  private async countBy(client: Client): Promise<number> {
    const { rows } = await client.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${this.name}`);
    return rows[0].count;
  }
}

const timeOf = (n: string): string => `to_timestamp((${LONG_AGO} + ${n}) / 1000.0)`;
