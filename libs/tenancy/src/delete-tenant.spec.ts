import { Names, removeInstallation } from '@app/database';
import { claim, freshPrefix } from '@app/testing';
import { deleteTenant } from './delete-tenant';
import { migrateAll } from './migrate-all';
import { provisionTenant } from './provisioning';
import { NoSuchTenant } from './tenant-errors';
import { CuttingProxy } from './test/cutting-proxy';
import {
  admin,
  database,
  entry,
  expectGone,
  FIRST,
  inAnother,
  SECOND,
  silently,
  things,
  untilFound,
  usePremises,
  write,
} from './test/premises';

const migrations = () => {
  write(FIRST, 'CREATE TABLE thing (id int)');
  // Waits where a test holds the lock of that schema.
  write(SECOND, 'SELECT pg_advisory_xact_lock_shared(hashtext(current_schema()))', 'CREATE TABLE other (id int)');
};
const WHOLE = ['migrations', 'other', 'the schema', 'thing'];

const WAITS = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1`;

describe.each(['on', 'off'])('deleteTenant, with TENANT_ROLES=%s', (TENANT_ROLES) => {
  usePremises(migrations, { TENANT_ROLES });
  const whole = TENANT_ROLES === 'on' ? [...WHOLE.slice(0, 2), 'the role', ...WHOLE.slice(2)] : WHOLE;

  it('drops the schema, the role and the entry, and nothing of other tenants', async () => {
    await provisionTenant(database, 'gone');
    await provisionTenant(database, 'gone_not');
    await deleteTenant(database, 'gone');
    await expectGone('gone');
    expect(await things('gone_not')).toEqual(whole);
  });

  it('frees the name', async () => {
    await provisionTenant(database, 'phoenix');
    await deleteTenant(database, 'phoenix');
    await provisionTenant(database, 'phoenix', 'Another');
    expect(await entry('phoenix')).toMatchObject({ status: 'active', title: 'Another' });
  });

  it('refuses a tenant that does not exist', async () => {
    await expect(deleteTenant(database, 'nobody')).rejects.toThrow('There is no tenant called nobody.');
  });

  it('lets nobody in from its beginning, and waits for who is in', async () => {
    await provisionTenant(database, 'busy');
    const schema = database.names.tenantSchema('busy');
    await inAnother(async (client) => {
      await client.query(`INSERT INTO ${schema}.thing VALUES (1)`);
      const deleting = deleteTenant(database, 'busy');
      await untilFound(WAITS, [`DROP SCHEMA%${schema}"%`]);
      expect(await entry('busy')).toMatchObject({ status: 'deleting' });
      await client.query('COMMIT');
      await deleting;
    });
    await expectGone('busy');
  });

  it('tries again when a request wants what it has dropped, and it what the request has', async () => {
    await provisionTenant(database, 'tangled');
    const schema = database.names.tenantSchema('tangled');
    await inAnother(async (client) => {
      await client.query(`SET LOCAL deadlock_timeout = '1min'`); // it is the other that is to notice
      await client.query(`LOCK TABLE ${schema}.other`);
      const deleting = deleteTenant(database, 'tangled');
      await untilFound(WAITS, [`DROP SCHEMA%${schema}"%`]);
      await client.query(`LOCK TABLE ${schema}.thing`);
      await client.query('COMMIT');
      await deleting;
    });
    await expectGone('tangled');
  });

  it('leaves nothing of a tenant that is being made meanwhile', async () => {
    const schema = database.names.tenantSchema('unborn');
    await admin.query('SELECT pg_advisory_lock(hashtext($1))', [schema]);
    const making = provisionTenant(database, 'unborn');
    await untilFound(WAITS, ['%pg_advisory_xact_lock_shared%']);
    const deleting = deleteTenant(database, 'unborn');
    await untilFound(WAITS, ['UPDATE%deleting%']);
    await admin.query('SELECT pg_advisory_unlock(hashtext($1))', [schema]);
    await Promise.all([making, deleting]);
    await expectGone('unborn');
  });

  it('may be asked for by several at once', async () => {
    await provisionTenant(database, 'unloved');
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => deleteTenant(database, 'unloved')));
    const refusals = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason);
    expect(refusals.filter((reason) => !(reason instanceof NoSuchTenant))).toEqual([]);
    await expectGone('unloved');
  });

  it('leaves all or nothing, wherever the process is killed, and the next call completes it', async () => {
    const proxy = await CuttingProxy.open(database);
    const states = new Set<string>();
    for (let messages = 1, done = false; !done; messages++) {
      const name = `cut${messages}`;
      await provisionTenant(database, name);
      done = await deleteTenant(proxy.after(messages, database), name).then(
        () => true,
        () => false,
      );
      const status = (await entry(name))?.status;
      states.add(status ?? 'gone');
      if (status) expect(await things(name)).toEqual(whole);
      if (status) await deleteTenant(database, name);
      await expectGone(name);
    }
    await proxy.close();
    expect([...states]).toEqual(['active', 'deleting', 'gone']);
  });

  it('is completed by the next start', async () => {
    await provisionTenant(database, 'half');
    await admin.query(`UPDATE ${database.names.platform}.tenant SET status = 'deleting' WHERE name = 'half'`);
    const lines: string[] = [];
    await migrateAll(database, (line) => lines.push(line));
    expect(lines).toContain('Deleted tenant half, as had been begun.');
    await expectGone('half');
  });
});

describe('deleteTenant, by an administrator who is no superuser', () => {
  usePremises(migrations);

  it('drops the role it has made, and what rights that had elsewhere', async () => {
    const names = new Names(freshPrefix());
    const claimed = await claim(database.adminUrl, names.prefix);
    const [adminUrl, appUrl] = ['weak', 'app'].map((login) => {
      const url = new URL(database.adminUrl);
      [url.username, url.password] = [`${names.prefix}${login}`, 'its own'];
      return url.href;
    });
    const [{ name }] = (await claimed.query('SELECT current_database() AS name')).rows;
    await claimed.query(
      `CREATE ROLE ${names.prefix}weak LOGIN CREATEROLE PASSWORD 'its own'; GRANT CREATE ON DATABASE "${name}" TO ${names.prefix}weak`,
    );
    const weak = { ...database, names, adminUrl, appUrl };
    try {
      await migrateAll(weak, silently);
      await provisionTenant(weak, 'one');
      await claimed.query(`GRANT SELECT ON ${names.platform}.tenant TO ${names.tenantRole('one')}`);
      await deleteTenant(weak, 'one');
      const { rows } = await claimed.query('SELECT rolname FROM pg_roles WHERE rolname = $1', [
        names.tenantRole('one'),
      ]);
      expect(rows).toEqual([]);
    } finally {
      await removeInstallation(claimed, names.prefix);
      await claimed.end();
    }
  });
});
