import { Settings } from '@app/config';
import { Database, openDatabase } from '@app/database';
import { migrationSets } from '../../../ormconfig';

/** The database the settings ask for, for as long as `work` runs. */
export async function withDatabase<T>(
  work: (database: Database) => Promise<T>,
  settings: Settings = Settings.ofThisProcess(),
): Promise<T> {
  const database = await openDatabase(settings, migrationSets, say);
  try {
    return await work(database);
  } finally {
    await database.release();
  }
}

/** A line for the person at the terminal. */
export const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
