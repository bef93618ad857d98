import { Client, escapeIdentifier as quote } from 'pg';
import { newApiKey } from '@app/auth';
import { Database, newId, withAdmin } from '@app/database';
import { prepareDatabase, provisionTenant } from '@app/tenancy';
import { makeDatabase, ScratchDatabase, testSettings } from '@app/testing';
import { migrationSets } from '../../../ormconfig';

export const SHARED = 20; // books that every tenant has under the same ids and identifiers
const LARGE = 4; // tenants whose export is too large to be in the buffers of a connection
const FILLERS = 20_000; // books of each of those, some 6 MB
const STATEMENT_TIMEOUT = '500ms'; // long beside any statement here, short beside the patience of a test

/** A tenant of a crowd, and who works in it. */
export interface Guest {
  /** What all its records say, and nobody else's. */
  mark: string;
  schema: string;
  email: string;
  headers: Record<string, string>;
  /** The id of a book that no other tenant has. */
  own: string;
  /** The identifiers of the books it must have. */
  has: Set<string>;
  /** Those of books that it may have: nobody heard what became of them. */
  mayHave: Set<string>;
  /** How many books it wanted to make; the next is called so, as in every other tenant. */
  made: number;
}

/** Many tenants in a database of their own: their records have the same keys everywhere, and say whose they are. */
export class Crowd {
  private constructor(
    readonly guests: Guest[],
    readonly database: Database,
    private readonly scratch: ScratchDatabase,
  ) {}

  static async gather(adminUrl: string, size: number): Promise<Crowd> {
    const scratch = await makeDatabase(adminUrl);
    const database = await prepareDatabase(testSettings(env(scratch)), migrationSets, () => undefined);
    const guests = Array.from({ length: size }, (_, n) => aGuest(database, n));
    await atOnce(guests, 4, async (guest) => {
      await provisionTenant(database, guest.mark);
      await withAdmin(scratch.url, (client) => settle(client, database, guest, guests.indexOf(guest)));
    });
    await withAdmin(scratch.url, (client) =>
      client.query(`ALTER ROLE ${database.names.app} SET statement_timeout = '${STATEMENT_TIMEOUT}'`),
    );
    return new Crowd(guests, database, scratch);
  }

  /** What an API needs to know to serve the crowd; `url` leads to the database, maybe by a detour. */
  env(url: string = this.database.appUrl): NodeJS.ProcessEnv {
    return { ...env(this.scratch), DATABASE_URL: url };
  }

  async disperse(): Promise<void> {
    await this.scratch.drop();
    await this.database.release();
  }
}

/** Does `work` with all `items`, `width` of them at once. */
export async function atOnce<T>(items: T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

export const sharedId = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
export const sharedIdentifier = (n: number): string => `book-${n}`;

function env({ url, prefix }: ScratchDatabase): NodeJS.ProcessEnv {
  const login = new URL(url);
  [login.username, login.password] = [`${prefix}app`, 'of the application'];
  return { DATABASE_URL: login.href, DATABASE_ADMIN_URL: url, DATABASE_DIRECT_URL: url, SCHEMA_PREFIX: prefix };
}

function aGuest({ names }: Database, n: number): Guest {
  const mark = `guest_${String(n).padStart(3, '0')}`;
  const fillers = n < LARGE ? FILLERS : 0;
  return {
    mark,
    schema: names.tenantSchema(mark),
    email: `${mark}@example.com`,
    headers: {},
    own: `00000000-0000-7000-9000-${String(n).padStart(12, '0')}`,
    has: new Set(Array.from({ length: SHARED + fillers }, (_, n) => sharedIdentifier(n)).concat('own')),
    mayHave: new Set(),
    made: 0,
  };
}

/** Gives a tenant its books, and an owner with an API key. */
async function settle(client: Client, { names }: Database, guest: Guest, n: number): Promise<void> {
  const { mark, own, has } = guest;
  await client.query(
    `INSERT INTO ${quote(guest.schema)}.book (id, identifier, name, author, version)
     SELECT CASE identifier WHEN 'own' THEN $2 ELSE '00000000-0000-7000-8000-' || lpad((n - 1)::text, 12, '0') END::uuid,
            identifier, $1 || repeat(' wrote it', 10), $1, 1 FROM unnest($3::text[]) WITH ORDINALITY AS i (identifier, n)`,
    [mark, own, [...has]],
  );
  const [login, { id, secretHash, key }] = [newId(), newApiKey()];
  const insert = (table: string, columns: string, ...values: unknown[]) =>
    client.query(
      `INSERT INTO ${quote(names.platform)}.${table} (version, tenant_id, ${columns})
       SELECT 1, id, ${values.map((_, n) => `$${n + 2}`).join(', ')} FROM ${quote(names.platform)}.tenant WHERE name = $1`,
      [mark, ...values],
    );
  await client.query(`INSERT INTO ${quote(names.platform)}.login (version, id, email) VALUES (1, $1, $2)`, [
    login,
    guest.email,
  ]);
  await insert('membership', 'id, login_id, role', newId(), login, 'owner');
  await insert('api_key', 'id, login_id, name, secret_hash, scopes', id, login, `K${n}`, secretHash, [
    '*:read',
    '*:write',
  ]);
  guest.headers = { 'x-api-key': key };
}
