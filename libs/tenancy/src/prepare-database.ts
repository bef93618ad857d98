import { Settings } from '@app/config';
import {
  Announce,
  checkConnectionBudget,
  Database,
  MigrationSets,
  openDatabase,
  postgresError,
  withAdmin,
} from '@app/database';
import { migrateAll } from './migrate-all';

/** The database the settings ask for, open and, unless MIGRATE_ON_BOOT=false, brought up to date. */
export async function prepareDatabase(settings: Settings, sets: MigrationSets, announce: Announce): Promise<Database> {
  const database = await openDatabase(settings, sets, announce);
  try {
    await checkConnectionBudget(database, settings, announce);
    if (settings.migrateOnBoot) await migrateAll(database, announce);
    else await requireLogin(database);
    return database;
  } catch (error) {
    await database.release();
    throw error;
  }
}

/** Who leaves the migrations to another process may come before it: then there is no login to serve with yet. */
async function requireLogin({ appUrl, names }: Database): Promise<void> {
  try {
    await withAdmin(appUrl, () => Promise.resolve());
  } catch (error) {
    if (!['28P01', '28000'].includes(postgresError(error)?.code ?? '')) throw error;
    throw new Error(
      `The login "${names.app}" cannot connect. With MIGRATE_ON_BOOT=false the database must be prepared first: npm run cli -- migrate`,
      { cause: error },
    );
  }
}
