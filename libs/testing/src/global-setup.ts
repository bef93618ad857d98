import { Database } from '@app/database';
import { migrationSets } from '../../../ormconfig';
import { testSettings } from './start-api';
import { openTestDatabase, sweep } from './test-database';

declare global {
  // eslint-disable-next-line no-var
  var testDatabase: Database | undefined;
}

/** Before all tests: the server they share is up, and what killed runs have left in it is gone. */
export default async function setUp(): Promise<void> {
  globalThis.testDatabase = await openTestDatabase(testSettings(), migrationSets, (line) =>
    process.stderr.write(`${line}\n`),
  );
  await sweep(globalThis.testDatabase.adminUrl);
}
