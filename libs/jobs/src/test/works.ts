import type { INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Client } from 'pg';
import { ConfigModule } from '@app/config';
import { Database, DatabaseModule, openDatabase, removeInstallation, UnitOfWork } from '@app/database';
import { createLogger, NestLogger } from '@app/observability';
import { migrateAll, provisionTenant, TenancyModule, Tenant, TenantsService } from '@app/tenancy';
import { claim, freshPrefix, openTestDatabase, testSettings, watchedLog, until } from '@app/testing';
import { DataSource } from 'typeorm';
import { migrationSets } from '../../../../ormconfig';
import { JobsModule } from '../jobs.module';

const silently = () => undefined;

/** What is kept of a job. */
export interface Kept {
  id: string;
  name: string;
  state: string;
  data: { tenantId: string | null; actor: string; requestId: string; payload: { what?: string } };
  tries: number;
  output: { message?: string } | null;
  waits: boolean;
}

/** An installation with the tenants `one` and `two`, which each have a table `effect`, and processes that do their jobs. */
export class Works {
  private readonly processes: INestApplicationContext[] = [];

  private constructor(
    readonly database: Database,
    public admin: Client,
    private readonly handlers: Type[],
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  static async open(handlers: Type[], where: NodeJS.ProcessEnv = {}): Promise<Works> {
    const env = { SCHEMA_PREFIX: freshPrefix(), ...where };
    const database = await openTestDatabase(testSettings(env), migrationSets, silently);
    const works = new Works(database, await claim(database.adminUrl, database.names.prefix), handlers, env);
    await migrateAll(database, silently);
    for (const name of ['one', 'two']) await works.provision(name);
    return works;
  }

  async close(): Promise<void> {
    for (const process of this.processes) await process.close();
    await removeInstallation(this.admin, this.database.names.prefix);
    await this.admin.end();
    await this.database.release();
  }

  /** Connects the test anew, to a server that was away. */
  async reconnect(): Promise<void> {
    this.admin = await claim(this.database.adminUrl, this.database.names.prefix);
  }

  async provision(name: string): Promise<void> {
    await provisionTenant(this.database, name);
    const table = `${this.database.names.tenantSchema(name)}.effect`;
    const role = this.database.names.tenantRole(name);
    await this.admin.query(`CREATE TABLE ${table} (what text); GRANT SELECT, INSERT ON ${table} TO ${role}`);
  }

  /** Starts a process that leaves jobs and, where it `works`, does them. */
  async start(works: boolean, env: NodeJS.ProcessEnv = {}): Promise<INestApplicationContext> {
    const settings = testSettings({ ...this.env, ...env });
    const process = await NestFactory.createApplicationContext(
      {
        module: class Process {},
        imports: [
          ConfigModule.with(settings),
          DatabaseModule.on(await openDatabase(settings, migrationSets, silently)),
          TenancyModule,
          JobsModule.on(works),
        ],
        providers: this.handlers,
      },
      { logger: new NestLogger(createLogger(settings, watchedLog)), abortOnError: false },
    );
    this.processes.push(process);
    return process;
  }

  /** Runs `work` in `process` as a unit of work of a tenant. */
  async inTenant<T>(process: INestApplicationContext, name: string, work: () => Promise<T>): Promise<T> {
    const { id } = await process.get(DataSource).manager.findOneByOrFail(Tenant, { name });
    const tenant = await process.get(TenantsService, { strict: false }).scopeOf(id);
    return process.get(UnitOfWork, { strict: false }).run({ tenant, actor: 'ada', requestId: 'request-1' }, work);
  }

  /** The jobs there are, the oldest first. */
  async jobs(): Promise<Kept[]> {
    const { rows } = await this.admin.query<Kept>(
      `SELECT id, name, state, data, retry_count AS tries, output, start_after > now() AS waits
         FROM ${this.database.names.jobs}.job ORDER BY created_on, id`,
    );
    return rows;
  }

  /** What jobs have left in the table of a tenant. */
  async effects(name: string): Promise<string[]> {
    const { rows } = await this.admin.query<{ what: string }>(
      `SELECT what FROM ${this.database.names.tenantSchema(name)}.effect ORDER BY what`,
    );
    return rows.map(({ what }) => what);
  }

  /** Waits until the jobs are as `isSo` says. */
  async until(isSo: (jobs: Kept[]) => boolean): Promise<Kept[]> {
    return until(async () => {
      const jobs = await this.jobs();
      return isSo(jobs) && jobs;
    });
  }

  /** Ends all waits of jobs for their time. */
  async wakeAll(): Promise<void> {
    await this.admin.query(`UPDATE ${this.database.names.jobs}.job SET start_after = now()`);
  }

  async forgetAll(): Promise<void> {
    await this.admin.query(`DELETE FROM ${this.database.names.jobs}.job`);
    for (const name of ['one', 'two']) {
      await this.admin.query(`TRUNCATE ${this.database.names.tenantSchema(name)}.effect`);
    }
  }
}
