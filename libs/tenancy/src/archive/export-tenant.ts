import { once } from 'node:events';
import { Readable } from 'node:stream';
import { escapeIdentifier as quote, escapeLiteral, type Client } from 'pg';
import { copyTo, Database, withAdmin } from '@app/database';
import { Follow } from '../follow';
import { findTenant, RegisteredTenant } from '../registry';
import { TenantConflict } from '../tenant-errors';
import { archivedSequences, ArchivedTable, archivedTables, Ask, SPELLING } from './contents';
import { archiveLine, headerLine } from './format';

const LF = 0x0a;

/**
 * The archive of a tenant: all its rows at one instant, as lines of JSON, read no faster than it is taken. It holds a
 * connection of its own until it is closed. `follow` is told of rows.
 */
export async function exportTenant(database: Database, name: string, follow?: Follow): Promise<Readable> {
  return new Promise((resolve, reject) => {
    withAdmin(database.adminUrl, async (client) => {
      const tenant = await findTenant(client, database, name);
      if (['provisioning', 'deleting'].includes(tenant.status))
        throw new TenantConflict(`Tenant ${name} is ${tenant.status}: there is nothing whole to export.`);
      const archive = Readable.from(archiveOf(client, database, tenant, follow), { objectMode: false });
      const closed = once(archive, 'close');
      archive.on('error', () => undefined); // its reader's concern; without any listener it would end the process
      resolve(archive);
      await closed;
    }).catch(reject);
  });
}

async function* archiveOf(
  client: Client,
  { names, hasRoles }: Database,
  { name, title, schemaName }: RegisteredTenant,
  follow?: Follow,
): AsyncGenerator<string | Buffer> {
  const ask: Ask = async (text, values) => (await client.query(text, values)).rows;
  const table = (name: string) => `${quote(schemaName)}.${quote(name)}`;
  const known = await archivedTables(ask, schemaName);
  await ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await ask(SPELLING);
  if (hasRoles) await ask(`SET LOCAL ROLE ${quote(names.owner)}`);
  // Before the snapshot: a table that is rewritten after it would look empty.
  if (known.length) await ask(`LOCK TABLE ${known.map(({ name }) => table(name)).join(', ')} IN ACCESS SHARE MODE`);

  const [{ migratedTo }] = await ask(`SELECT max(timestamp)::float8 AS "migratedTo" FROM ${table('migrations')}`);
  yield headerLine({ name, title, migratedTo: migratedTo ?? 0, exportedAt: new Date().toISOString() });
  let rows = 0;
  for (const one of await archivedTables(ask, schemaName)) {
    const copy = client.query(copyTo(copyText(one, table(one.name))));
    for await (const chunk of copy as AsyncIterable<Buffer>) {
      for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) rows++;
      follow?.(rows);
      yield chunk;
    }
  }
  for (const sequence of await archivedSequences(ask, schemaName)) yield archiveLine(sequence);
  await ask('COMMIT');
  yield archiveLine({ end: { rows } });
}

/** One line of JSON per row, which has no control characters: two of them keep COPY from quoting it. */
function copyText({ name, columns, isPartitioned }: ArchivedTable, table: string): string {
  const keys = columns.map((column) => escapeLiteral(column)).join(', ');
  const values = columns.map((column) => `${quote(column)}::text`).join(', ');
  return `COPY (SELECT json_build_object('table', ${escapeLiteral(name)}, 'row', json_object(ARRAY[${keys}], ARRAY[${values}]))
      FROM ${isPartitioned ? '' : 'ONLY '}${table}) TO STDOUT WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')`;
}
