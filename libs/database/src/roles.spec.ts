import { Client } from 'pg';
import { claim, freshPrefix, openTestDatabase, testSettings } from '@app/testing';
import { Database, withAdmin } from './database';
import { Names } from './names';
import { ensureRoles, removeInstallation } from './roles';

const SETS = { platform: { entities: [], migrations: [] }, tenant: { entities: [], migrations: [] } };

let prefix: string;
let server: Database;
let admin: Client;

beforeAll(async () => {
  prefix = freshPrefix();
  server = await openTestDatabase(testSettings({ SCHEMA_PREFIX: prefix }), SETS, () => undefined);
  admin = await claim(server.adminUrl, prefix);
});
afterEach(() => removeInstallation(admin, prefix));
afterAll(async () => {
  await admin.end();
  await server.release();
});

/** The server's address for another login. */
function urlFor(login: string, password: string): string {
  const url = new URL(server.adminUrl);
  url.username = encodeURIComponent(login);
  url.password = encodeURIComponent(password);
  return url.href;
}

/** An installation whose application logs in as `login`, below the one prefix that is cleaned up. */
function installation(changes: { more?: string; login?: string; password?: string; adminUrl?: string } = {}): Database {
  const { more = '', password = 'a password', adminUrl = server.adminUrl } = changes;
  const names = new Names(prefix + more, changes.login && prefix + changes.login);
  return { ...server, names, adminUrl, appUrl: urlFor(names.app, password) };
}

async function makeLogin(name: string, powers: string): Promise<string> {
  await admin.query(`CREATE ROLE "${prefix}${name}" LOGIN PASSWORD 'its own' ${powers}`);
  return urlFor(prefix + name, 'its own');
}

const whoAmI = (url: string) =>
  withAdmin(url, async (client) => (await client.query('SELECT current_user AS me')).rows[0].me);

/** Every row of the catalogs that is about this installation, and which transaction last wrote it. */
async function catalogRows(): Promise<string[]> {
  const { rows } = await admin.query<{ row: string }>(
    `WITH roles AS (SELECT oid, xmin::text, rolname FROM pg_authid WHERE starts_with(rolname, $1))
     SELECT 'role ' || rolname || ' ' || xmin AS row FROM roles
     UNION ALL SELECT 'member ' || m.xmin::text FROM pg_auth_members m WHERE m.roleid IN (SELECT oid FROM roles)
     UNION ALL SELECT 'setting ' || s.xmin::text FROM pg_db_role_setting s WHERE s.setrole IN (SELECT oid FROM roles)
     UNION ALL SELECT 'default ' || d.xmin::text FROM pg_default_acl d WHERE d.defaclrole IN (SELECT oid FROM roles)
     UNION ALL SELECT 'schema ' || nspname || ' ' || xmin::text FROM pg_namespace WHERE starts_with(nspname, $1)
     ORDER BY 1`,
    [prefix],
  );
  return rows.map(({ row }) => row);
}

describe('ensureRoles', () => {
  it('makes a login for the application that has no powers, and owners nobody can log in as', async () => {
    const database = installation();
    await ensureRoles(database);
    const { rows } = await admin.query(
      `SELECT rolname AS name, rolcanlogin AS login, rolinherit AS inherits,
              rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication AS powers
         FROM pg_roles WHERE starts_with(rolname, $1) ORDER BY 1`,
      [prefix],
    );
    expect(rows).toEqual([
      { name: `${prefix}app`, login: true, inherits: false, powers: false },
      { name: `${prefix}eraser`, login: false, inherits: true, powers: false },
      { name: `${prefix}owner`, login: false, inherits: true, powers: false },
    ]);
    await withAdmin(database.appUrl, async (client) => {
      expect((await client.query('SHOW search_path')).rows).toEqual([{ search_path: '""' }]);
      await expect(client.query(`CREATE TABLE ${prefix}platform.mine ()`)).rejects.toMatchObject({ code: '42501' });
      await expect(client.query(`SET ROLE ${prefix}owner`)).rejects.toMatchObject({ code: '42501' });
    });
  });

  it('changes nothing when all is there', async () => {
    await ensureRoles(installation());
    const before = await catalogRows();
    expect(before.length).toBeGreaterThan(6);
    await ensureRoles(installation());
    expect(await catalogRows()).toEqual(before);
  });

  it.each([
    ['one role', `CREATE ROLE "PREFIXowner"`],
    ['all roles and no schema', `CREATE ROLE "PREFIXowner"; CREATE ROLE "PREFIXeraser"; CREATE ROLE "PREFIXapp" LOGIN`],
    ['a schema the application may not use', `CREATE SCHEMA "PREFIXplatform"`],
  ])('completes what it finds begun: %s', async (_what, begun) => {
    await admin.query(begun.replaceAll('PREFIX', prefix));
    const database = installation();
    await ensureRoles(database);
    expect(await whoAmI(database.appUrl)).toBe(`${prefix}app`);
    await withAdmin(database.appUrl, async (client) => {
      const { rows } = await client.query(`SELECT has_schema_privilege('${prefix}platform', 'USAGE') AS may`);
      expect(rows).toEqual([{ may: true }]);
    });
  });

  it('gives the application rights on the tables the owner will make, and on no others', async () => {
    const database = installation();
    await ensureRoles(database);
    await admin.query(`CREATE SCHEMA ${prefix}other`);
    for (const schema of ['platform', 'other'])
      await admin.query(
        `GRANT ALL ON SCHEMA ${prefix}${schema} TO ${prefix}owner; SET ROLE ${prefix}owner;
         CREATE TABLE ${prefix}${schema}.thing (); RESET ROLE`,
      );
    await withAdmin(database.appUrl, async (client) => {
      await client.query(`SELECT FROM ${prefix}platform.thing`);
      await expect(client.query(`SELECT FROM ${prefix}other.thing`)).rejects.toMatchObject({ code: '42501' });
    });
  });

  it('does not fail however many run at once, for one installation or several', async () => {
    const several = ['', 'a', 'b_'].flatMap((more) => Array.from({ length: 8 }, () => installation({ more })));
    await Promise.all(several.map(ensureRoles));
    for (const { appUrl, names } of several) expect(await whoAmI(appUrl)).toBe(names.app);
  });

  it('picks up that the password of the application was changed', async () => {
    await ensureRoles(installation({ login: 'mine', password: 'first' }));
    const changed = installation({ login: 'mine', password: `second ':/@"\\` });
    await ensureRoles(changed);
    expect(await whoAmI(changed.appUrl)).toBe(`${prefix}mine`);
    await expect(whoAmI(urlFor(`${prefix}mine`, 'first'))).rejects.toMatchObject({ code: '28P01' });
  });

  it('makes a login whose name must be quoted', async () => {
    const database = installation({ login: `O'Dd"; --` });
    await ensureRoles(database);
    expect(await whoAmI(database.appUrl)).toBe(database.names.app);
  });

  it('refuses to let the application connect as a superuser', async () => {
    await makeLogin('root', 'SUPERUSER');
    await expect(ensureRoles(installation({ login: 'root', password: 'its own' }))).rejects.toThrow(
      `The application may not connect as the superuser "${prefix}root"`,
    );
  });

  it.each(['', 'CREATEROLE'])(
    'tells a login with no powers but "%s" what to type, and that is enough',
    async (powers) => {
      const adminUrl = await makeLogin('weak', powers);
      const database = installation({ adminUrl });
      const { message } = await ensureRoles(database).then(
        () => new Error('did not refuse'),
        (error: Error) => error,
      );
      const [name] = (await admin.query('SELECT current_database() AS name')).rows.map(({ name }) => name);
      const lines = message.split('\n');
      expect(lines[0]).toContain(
        `The login "${prefix}weak" may not create the roles ${prefix}owner, ${prefix}app, ${prefix}eraser`,
      );
      expect(lines.slice(1, 3)).toEqual([
        `  ALTER ROLE "${prefix}weak" CREATEROLE;`,
        `  GRANT CREATE ON DATABASE "${name}" TO "${prefix}weak";`,
      ]);
      expect(lines[3]).toContain('TENANT_ROLES=off');
      expect(message).not.toContain('its own');
      expect(await catalogRows()).toEqual([expect.stringContaining(`role ${prefix}weak`)]);

      await admin.query(lines.slice(1, 3).join(' '));
      await ensureRoles(database);
      expect(await whoAmI(database.appUrl)).toBe(`${prefix}app`);
    },
  );

  it('makes no role at all with TENANT_ROLES=off', async () => {
    const adminUrl = await makeLogin('weak', '');
    await admin.query(
      `GRANT CREATE ON DATABASE "${decodeURIComponent(new URL(adminUrl).pathname.slice(1))}" TO "${prefix}weak"`,
    );
    await ensureRoles({ ...installation({ login: 'weak', password: 'its own', adminUrl }), hasRoles: false });
    expect((await catalogRows()).map((row) => row.replace(/ \d+$/, ''))).toEqual([
      `role ${prefix}weak`,
      `schema ${prefix}platform`,
    ]);
  });
});

describe('removeInstallation', () => {
  it('leaves nothing of one installation, and all of another', async () => {
    const [mine, other] = [installation({ more: 'a_' }), installation({ more: 'b_' })];
    await ensureRoles(mine);
    await ensureRoles(other);
    await removeInstallation(admin, mine.names.prefix);
    const rest = (await catalogRows()).join('\n');
    expect(rest).not.toContain(mine.names.prefix);
    expect(await whoAmI(other.appUrl)).toBe(other.names.app);
  });

  it('refuses to remove what has no prefix', async () => {
    await expect(removeInstallation(admin, '')).rejects.toThrow('without SCHEMA_PREFIX');
  });
});
