import { createHmac } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import { Settings } from '@app/config';
import { isUnavailable, postgresError } from './database-errors';
import { EmbeddedPostgres } from './embedded-postgres';
import type { MigrationSets } from './migrations';
import { Names } from './names';

const OLDEST_POSTGRES = 160_000; // 16: a role can be a member of another WITH INHERIT FALSE
const EMBEDDED_DATABASE = 'starter';

/** Tells a person, in a line, what takes long or what was decided. */
export type Announce = (line: string) => void;

/** A database that answers, and the two ways in: as the application's login, and as the one that may create roles and schemas. */
export interface Database {
  readonly names: Names;
  /** What its schemas consist of. */
  readonly sets: MigrationSets;
  /** Whether each tenant has a Postgres role of its own (TENANT_ROLES). */
  readonly hasRoles: boolean;
  readonly appUrl: string;
  /** The application's login too, past any pooler: for what a session holds. */
  readonly directUrl: string;
  readonly adminUrl: string;
  /** Gives up an embedded server this process uses; a server given by DATABASE_URL is left alone. */
  release(): Promise<void>;
}

/**
 * Finds or starts the database the settings ask for, waits until it answers, and creates it when absent.
 */
export async function openDatabase(settings: Settings, sets: MigrationSets, announce: Announce): Promise<Database> {
  const embedded = settings.databaseUrl ? undefined : await startEmbedded(settings, announce);
  try {
    const adminUrl = embedded
      ? withPath(embedded.adminUrl, settings.nodeEnv === 'test' ? `${EMBEDDED_DATABASE}_test` : EMBEDDED_DATABASE)
      : (settings.databaseAdminUrl ?? settings.databaseDirectUrl ?? settings.databaseUrl!);
    await untilItAnswers(adminUrl, settings.databaseWaitSeconds, announce);
    const { names, appUrl } = applicationLogin(settings, adminUrl);
    return {
      names,
      sets,
      hasRoles: settings.tenantRoles === 'on',
      appUrl,
      directUrl: withLoginOf(appUrl, settings.databaseDirectUrl ?? appUrl),
      adminUrl,
      release: async () => embedded?.release(),
    };
  } catch (error) {
    await embedded?.release();
    throw error;
  }
}

/** One connection as the administrator, closed when `work` ends. */
export async function withAdmin<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined); // the running query rejects too, and says more
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const startEmbedded = (settings: Settings, announce: Announce): Promise<EmbeddedPostgres> =>
  EmbeddedPostgres.start({
    dataDir: settings.postgresDataDir ?? (settings.nodeEnv === 'test' ? '.data/postgres-test' : '.data/postgres'),
    dataDirIsExplicit: settings.postgresDataDir !== undefined,
    isDisposable: settings.nodeEnv === 'test',
    announce,
  });

/**
 * DATABASE_URL's login when another one administers; otherwise a login of our own, whose password follows from the
 * administrator's: all processes know it, nothing needs keeping, and whoever can derive it could do more without it.
 */
function applicationLogin(settings: Settings, adminUrl: string): { names: Names; appUrl: string } {
  const admin = new URL(adminUrl);
  const given = new URL(settings.databaseUrl ?? adminUrl);
  const names = Names.of(settings);
  const isOurs = given.username === names.app; // a process that is not to administer knows only this login
  if (settings.tenantRoles === 'off' || given.username !== admin.username || isOurs) {
    return { names: new Names(names.prefix, decodeURIComponent(given.username)), appUrl: given.href };
  }
  if (!admin.password) {
    throw new Error(
      `The administrator's URL has no password, so none can follow from it for "${names.app}": set DATABASE_URL to a login of the application's own.`,
    );
  }
  given.username = names.app;
  given.password = createHmac('sha256', admin.password).update(`login ${names.app}`).digest('base64url');
  return { names, appUrl: given.href };
}

async function untilItAnswers(url: string, seconds: number, announce: Announce): Promise<void> {
  const deadline = Date.now() + seconds * 1_000;
  const where = `${new URL(url).host}${new URL(url).pathname}`;
  for (let nextLine = Date.now() + 2_000; ; await wait(250)) {
    try {
      return await withAdmin(url, (client) => refuseOldServers(client));
    } catch (error) {
      if (postgresError(error)?.code === '3D000') {
        await createDatabase(url);
        announce(`Created the database ${where}.`);
        continue;
      }
      if (!isUnavailable(error)) throw error;
      const { message, code } = error as NodeJS.ErrnoException;
      const reason = message || code; // refused by several addresses of one name: no message
      if (Date.now() > deadline) {
        throw new Error(
          `The database at ${where} did not answer within ${seconds} s (${reason}): start it, or check DATABASE_URL.`,
          { cause: error },
        );
      }
      if (Date.now() > nextLine) {
        announce(`Waiting for the database at ${where} (${reason}).`);
        nextLine = Date.now() + 5_000;
      }
    }
  }
}

/** Throws a sentence when the server is older than `oldest`, a number such as 160000 for Postgres 16. */
export async function refuseOldServers(client: Client, oldest: number = OLDEST_POSTGRES): Promise<void> {
  const { rows } = await client.query<{ number: number; version: string }>(
    `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version`,
  );
  if (rows[0].number < oldest) {
    throw new Error(
      `Postgres ${rows[0].version} is too old: tenants are kept apart by what Postgres 16 brought. Upgrade the server.`,
    );
  }
}

async function createDatabase(url: string): Promise<void> {
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  try {
    await withAdmin(withPath(url, 'postgres'), (client) =>
      client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`),
    );
  } catch (error) {
    const code = postgresError(error)?.code;
    if (code === '42P04' || code === '23505') return; // another process was faster
    if (code === '42501') {
      throw new Error(
        `The database "${name}" does not exist and this login may not create it: as a superuser, type CREATE DATABASE "${name}";`,
        { cause: error },
      );
    }
    throw error;
  }
}

function withLoginOf(login: string, url: string): string {
  const { username, password } = new URL(login);
  return Object.assign(new URL(url), { username, password }).href;
}

function withPath(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
