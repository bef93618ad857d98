import { Settings } from '@app/config';
import { Announce, Database, openDatabase } from '@app/database';
import { migrationSets } from '../../../ormconfig';

/** The database the settings ask for, for as long as `work` runs. */
export async function withDatabase<T>(
  work: (database: Database) => Promise<T>,
  settings: Settings = Settings.ofThisProcess(),
  announce: Announce = say,
): Promise<T> {
  const database = await openDatabase(settings, migrationSets, announce);
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

/** A line for the person at the terminal, where the output is for a program. */
export const remark = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
