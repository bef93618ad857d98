import type { PoolClient } from 'pg';
import { Client, escapeIdentifier as quote } from 'pg';
import { AbstractLogger, Column, Entity, PrimaryColumn, Repository } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { claim, freshPrefix, openTestDatabase, testSettings, until } from '@app/testing';
import { Database } from '../database';
import { ensureRoles, removeInstallation, whileRolesRace } from '../roles';
import { currentUnit, Scope } from '../scope';
import { ScopedDataSource } from '../scoped-data-source';
import { pgWithTenantPool, TenantPool } from '../tenant-pool';
import { UnitOfWork } from '../unit-of-work';

@Entity()
export class Note {
  @PrimaryColumn('int') id: number;
  @Column('text', { default: '' }) text: string;
  @Column('int', { default: 0 }) count: number;
}

/** A data source, what it has sent and what of that failed, and the door to it. */
export interface Door {
  dataSource: ScopedDataSource;
  pool: TenantPool;
  notes: Repository<Note>;
  statements: string[];
  failures: string[];
  run<T>(scope: Scope, work: () => Promise<T>): Promise<T>;
}

/** What a connection is when no unit has it. */
export const NOBODY_IN_SCOPE = { login: '', path: '""', lockTimeout: '0', actor: '', status: 'I' };

export let database: Database;
export let admin: Client;
export let [a, b]: Scope[] = [];
let doors: Door[] = [];

/** Gives the tests of a file an installation of their own with two tenants, `a` and `b`, whose notes are swept after each. */
export function usePremises(): void {
  beforeAll(async () => {
    const none = { entities: [], migrations: [] };
    const settings = testSettings({ SCHEMA_PREFIX: freshPrefix() });
    database = await openTestDatabase(settings, { platform: none, tenant: none }, () => undefined);
    admin = await claim(database.adminUrl, database.names.prefix);
    await ensureRoles(database);
    await admin.query(`ALTER ROLE ${database.names.app} SET deadlock_timeout = '300ms'`); // sooner than after a second, but not before both wait
    await admin.query(`ALTER ROLE ${database.names.app} SET synchronous_commit = off`); // nothing here must survive a crash
    NOBODY_IN_SCOPE.login = database.names.app;
    [a, b] = [await tenant('a'), await tenant('b')];
  });
  afterEach(async () => {
    for (const { dataSource } of doors) await dataSource.destroy();
    doors = [];
    for (const { tenant } of [a, b]) await admin.query(`TRUNCATE ${quote(tenant.schema)}.note`);
  });
  afterAll(async () => {
    await removeInstallation(admin, database.names.prefix);
    await admin.end();
    await database.release();
  });
}

/** A tenant with a schema, a role and the table of notes. */
export async function tenant(name: string, schema = database.names.tenantSchema(name)): Promise<Scope> {
  const role = `${schema}_role`;
  const [s, r] = [quote(schema), quote(role)];
  await whileRolesRace(() =>
    admin.query(
      `CREATE ROLE ${r}; GRANT ${r} TO ${database.names.app} WITH INHERIT FALSE, SET TRUE;
       CREATE SCHEMA ${s}; GRANT USAGE ON SCHEMA ${s} TO ${r};
       CREATE TABLE ${s}.note (id int PRIMARY KEY, text text NOT NULL DEFAULT '', count int NOT NULL DEFAULT 0);
       GRANT SELECT, INSERT, UPDATE, DELETE ON ${s}.note TO ${r}`,
    ),
  );
  return { tenant: { id: name, schema, role, cluster: 'main' }, actor: 'test', requestId: 'test' };
}

/** A data source of its own, with its pool. */
export async function door(poolSize = 1): Promise<Door> {
  const [statements, failures]: string[][] = [[], []];
  class Recorder extends AbstractLogger {
    override logQuery(text: string): void {
      statements.push(text);
    }
    override logQueryError(_error: string | Error, text: string): void {
      failures.push(text);
    }
    protected writeLog(): void {}
  }
  const dataSource = new ScopedDataSource(
    {
      type: 'postgres',
      url: database.appUrl,
      driver: pgWithTenantPool,
      installExtensions: false,
      entities: [Note],
      poolSize,
      logger: new Recorder(),
    },
    database.names.prefix,
  );
  await dataSource.initialize();
  statements.length = 0;
  const unitOfWork = new UnitOfWork(dataSource);
  const made: Door = {
    dataSource,
    statements,
    failures,
    pool: (dataSource.driver as PostgresDriver).master as TenantPool,
    notes: dataSource.getRepository(Note),
    run: (scope, work) => unitOfWork.run(scope, work),
  };
  doors.push(made);
  return made;
}

/** The notes a tenant has, seen from outside. */
export async function stored({ tenant }: Scope): Promise<Note[]> {
  return (await admin.query<Note>(`SELECT * FROM ${quote(tenant.schema)}.note ORDER BY id`)).rows;
}
export const ids = async (scope: Scope): Promise<number[]> => (await stored(scope)).map(({ id }) => id);

/** As whom, and where, every connection of the pool would run a statement now. */
export async function atRest({ pool }: Door): Promise<object[]> {
  const clients: PoolClient[] = [];
  for (let n = 0; n < pool.options.max; n++) clients.push(await pool.connect());
  const found = [];
  for (const client of clients) {
    const { rows } = await client.query<Omit<typeof NOBODY_IN_SCOPE, 'status'>>(
      `SELECT current_user AS login, current_setting('search_path') AS path, current_setting('lock_timeout') AS "lockTimeout",
              coalesce(current_setting('app.actor', true), '') AS actor`,
    );
    found.push({ ...rows[0], status: client.getTransactionStatus() });
    client.release();
  }
  return found;
}

/** Waits until `query` finds something. */
export async function untilFound(query: string, values: unknown[]): Promise<void> {
  await until(async () => (await admin.query(query, values)).rows.length);
}
/** The process that serves the running unit. */
export const backend = async (): Promise<number> =>
  (await currentUnit().manager.query('SELECT pg_backend_pid() AS pid'))[0].pid;
