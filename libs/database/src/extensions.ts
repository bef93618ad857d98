import { Database, withAdmin } from './database';
import { whileRolesRace } from './roles';

const SCHEMA = 'extensions'; // of functions and operators only; no search_path leads there
const EXTENSION = 'pg_trgm'; // indexes that find a text by a part of it; any owner of a database may install it

/** Installs what migrations may use, once for all installations in the database. Throws what to type when it is elsewhere. */
export async function ensureExtensions({ adminUrl }: Database): Promise<void> {
  await withAdmin(adminUrl, (client) =>
    whileRolesRace(async () => {
      const { rows } = await client.query<{ schema: string }>(
        `SELECT nspname AS schema FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = $1`,
        [EXTENSION],
      );
      if (!rows.length) {
        await client.query(
          `CREATE SCHEMA IF NOT EXISTS ${SCHEMA}; GRANT USAGE ON SCHEMA ${SCHEMA} TO PUBLIC;
           CREATE EXTENSION ${EXTENSION} SCHEMA ${SCHEMA}`,
        );
      } else if (rows[0].schema !== SCHEMA) {
        throw new Error(
          `The extension ${EXTENSION} is in the schema "${rows[0].schema}", where migrations do not look. As its owner, type:\n` +
            `  CREATE SCHEMA IF NOT EXISTS ${SCHEMA}; GRANT USAGE ON SCHEMA ${SCHEMA} TO PUBLIC; ALTER EXTENSION ${EXTENSION} SET SCHEMA ${SCHEMA};`,
        );
      }
    }),
  );
}
