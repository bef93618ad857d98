import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { MigrationSets, newestMigration } from '@app/database';
import { migrateAll } from './migrate-all';
import { provisionTenant } from './provisioning';
import { Readiness } from './readiness';
import { admin, database, FIRST, folder, of, SECOND, silently, usePremises, write } from './test/premises';

usePremises(() => {
  write(FIRST, 'CREATE TABLE thing (id int)');
  write(SECOND, 'CREATE TABLE more (id int)');
});

describe('Readiness', () => {
  let dataSource: DataSource;
  beforeAll(async () => {
    for (const name of ['one', 'bad', 'away']) await provisionTenant(of(FIRST), name);
    await migrateAll(database, silently);
    dataSource = new DataSource({ type: 'postgres', url: database.appUrl, poolSize: 1 });
    await dataSource.initialize(); // as the application: it must be allowed to ask
  });
  afterAll(() => dataSource.destroy());
  const obstacle = (sets: MigrationSets) => new Readiness({ ...database, sets }, dataSource).obstacle();

  it('sees no obstacle when every schema is what the release expects', async () => {
    expect(await obstacle(database.sets)).toBeUndefined();
  });

  it('sees none in schemas that are ahead', async () => {
    const nothing = { entities: [], migrations: [] };
    expect(await obstacle({ platform: nothing, tenant: nothing })).toBeUndefined();
  });

  it('says that the platform is behind', async () => {
    const platform = { entities: [], migrations: [join(folder, '*.js')] };
    expect(await obstacle({ ...database.sets, platform })).toBe(
      "The platform's schema is behind this release: run the migrations.",
    );
  });

  it('says how many tenants are behind, not counting those that are not served', async () => {
    const table = `${database.names.platform}.tenant`;
    await admin.query(`UPDATE ${table} SET status = 'suspended' WHERE name = 'away'`);
    await admin.query(`UPDATE ${table} SET status = 'migration_failed' WHERE name = 'bad'`);
    write(1_800_000_000_004, 'SELECT 1');
    const tenant = { entities: [], migrations: [join(folder, '*.js')] };
    expect(newestMigration(tenant)).toBe(1_800_000_000_004);
    expect(await obstacle({ ...database.sets, tenant })).toBe('2 tenants are behind this release: run the migrations.');
  });

  it('throws when the database cannot be asked', async () => {
    const none = new DataSource({ type: 'postgres', url: database.appUrl });
    await expect(new Readiness(database, none).obstacle()).rejects.toThrow();
  });
});
