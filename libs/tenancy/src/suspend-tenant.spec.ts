import { migrateAll } from './migrate-all';
import { provisionTenant } from './provisioning';
import { resumeTenant, suspendTenant } from './suspend-tenant';
import { NoSuchTenant, TenantConflict } from './tenant-errors';
import { admin, database, entry, FIRST, of, SECOND, silently, usePremises, write } from './test/premises';

usePremises(() => {
  write(FIRST, 'CREATE TABLE thing (id int)');
  write(SECOND, 'CREATE TABLE other (id int)');
});

const set = (name: string, status: string) =>
  admin.query(`UPDATE ${database.names.platform}.tenant SET status = $2 WHERE name = $1`, [name, status]);

describe('suspendTenant and resumeTenant', () => {
  beforeAll(() => provisionTenant(database, 'one'));

  it('shut a tenant out and let it in again', async () => {
    await suspendTenant(database, 'one');
    expect(await entry('one')).toMatchObject({ status: 'suspended', version: 3 });
    await resumeTenant(database, 'one');
    expect(await entry('one')).toMatchObject({ status: 'active', version: 4 });
  });

  it('do nothing to who is suspended or active already', async () => {
    await resumeTenant(database, 'one');
    await suspendTenant(database, 'one');
    const suspended = await entry('one');
    await suspendTenant(database, 'one');
    expect(await entry('one')).toEqual(suspended);
    await resumeTenant(database, 'one');
  });

  it.each(['provisioning', 'migration_failed', 'deleting'])('refuse a tenant that is %s', async (status) => {
    await set('one', status);
    await expect(suspendTenant(database, 'one')).rejects.toThrow(TenantConflict);
    await expect(suspendTenant(database, 'one')).rejects.toThrow(
      `Tenant one is ${status}: only one that is active can be suspended.`,
    );
    await expect(resumeTenant(database, 'one')).rejects.toThrow(
      `Tenant one is ${status}: only one that is suspended can be resumed.`,
    );
    expect(await entry('one')).toMatchObject({ status });
    await set('one', 'active');
  });

  it('refuse a tenant that does not exist', async () => {
    await expect(suspendTenant(database, 'nobody')).rejects.toThrow(NoSuchTenant);
    await expect(resumeTenant(database, 'nobody')).rejects.toThrow('There is no tenant called nobody.');
  });

  it('never let in a tenant that is behind, which the migrations of all bring up to date', async () => {
    await provisionTenant(of(FIRST), 'late');
    await suspendTenant(of(FIRST), 'late');
    await expect(resumeTenant(database, 'late')).rejects.toThrow(
      'Tenant late is behind this release, so it stays suspended: run npm run cli -- migrate.',
    );

    await admin.query(`CREATE TABLE ${database.names.tenantSchema('late')}.other (id int)`);
    await migrateAll(database, silently);
    expect(await entry('late')).toMatchObject({ status: 'suspended', migratedTo: String(FIRST) });
    await expect(resumeTenant(database, 'late')).rejects.toThrow('failed: relation "other" already exists');

    await admin.query(`DROP TABLE ${database.names.tenantSchema('late')}.other`);
    await migrateAll(database, silently);
    await resumeTenant(database, 'late');
    expect(await entry('late')).toMatchObject({ status: 'active', migratedTo: String(SECOND), error: null });
  });
});
