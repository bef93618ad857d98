import { DataSource } from 'typeorm';
import { Settings } from '@app/config';
import { Database, ensureRoles, migrationOptions, MigrationSets, openDatabase, withAdmin } from '@app/database';
import { DEMO_TENANT } from './migrate-all';

/** What the TypeORM CLI is given: it finds the database by the settings, and connects as the owner of one schema. */
export class CommandLineDataSource extends DataSource {
  private database?: Database;

  constructor(private readonly sets: MigrationSets) {
    super({ type: 'postgres' });
  }

  override async initialize(): Promise<this> {
    const settings = Settings.ofThisProcess();
    this.database = await openDatabase(settings, this.sets, (line) => process.stderr.write(`${line}\n`));
    try {
      await ensureRoles(this.database);
      const kind = settings.migrationSet as keyof MigrationSets;
      this.setOptions(migrationOptions(this.database, kind, await this.schema(settings, this.database)));
      return await super.initialize();
    } catch (error) {
      await this.database.release();
      throw error;
    }
  }

  override async destroy(): Promise<void> {
    await super.destroy();
    await this.database?.release();
  }

  private async schema(settings: Settings, { names, adminUrl }: Database): Promise<string> {
    if (settings.migrationSet === 'platform') return names.platform;
    const { rows } = await withAdmin(adminUrl, (client) =>
      client.query<{ schema: string }>(
        `SELECT schema_name AS schema FROM ${client.escapeIdentifier(names.platform)}.tenant WHERE name = $1`,
        [settings.migrationTenant ?? DEMO_TENANT],
      ),
    );
    if (!rows.length)
      throw new Error(`There is no tenant ${settings.migrationTenant}: npm run cli -- tenants list shows them all.`);
    return rows[0].schema;
  }
}
