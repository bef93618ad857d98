import { DataSource } from 'typeorm';
import { Settings } from '@app/config';
import { Database, ensureRoles, migrationOptions, MigrationSets, openDatabase } from '@app/database';
import { DEMO_TENANT } from './migrate-all';
import { tenantSchema } from './schemas';

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

  private async schema(settings: Settings, database: Database): Promise<string> {
    if (settings.migrationSet === 'platform') return database.names.platform;
    return (await tenantSchema(database, settings.migrationTenant ?? DEMO_TENANT)).schema;
  }
}
