import { Settings } from '@app/config';
import { Announce, checkConnectionBudget, Database, MigrationSets, openDatabase } from '@app/database';
import { migrateAll } from './migrate-all';

/** The database the settings ask for, open and, unless MIGRATE_ON_BOOT=false, brought up to date. */
export async function prepareDatabase(settings: Settings, sets: MigrationSets, announce: Announce): Promise<Database> {
  const database = await openDatabase(settings, sets, announce);
  try {
    await checkConnectionBudget(database, settings, announce);
    if (settings.migrateOnBoot) await migrateAll(database, announce);
    return database;
  } catch (error) {
    await database.release();
    throw error;
  }
}
