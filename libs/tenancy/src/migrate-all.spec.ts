import { Client } from 'pg';
import { migrateAll } from './migrate-all';
import { provisionTenant } from './provisioning';
import { suspendTenant } from './suspend-tenant';
import {
  admin,
  database,
  entry,
  FIRST,
  inAnother,
  of,
  SECOND,
  silently,
  things,
  untilFound,
  usePremises,
  write,
} from './test/premises';

usePremises(() => {
  write(FIRST, 'CREATE TABLE thing (id int, name text)');
  write(SECOND, 'CREATE UNIQUE INDEX CONCURRENTLY thing_id ON thing (id)');
});

describe('migrateAll', () => {
  it('sets a tenant aside whose migration fails, migrates all others, and takes it back when it can', async () => {
    for (const name of ['good1', 'bad', 'good2']) await provisionTenant(of(FIRST), name);
    await admin.query(`INSERT INTO ${database.names.tenantSchema('bad')}.thing VALUES (1, 'a'), (1, 'b')`);

    const lines: string[] = [];
    await migrateAll(database, (line) => lines.push(line));
    expect(await entry('bad')).toMatchObject({
      status: 'migration_failed',
      migratedTo: String(FIRST),
      error: expect.stringContaining('could not create unique index "thing_id"'),
    });
    for (const name of ['good1', 'good2', 'demo']) {
      expect(await entry(name)).toMatchObject({ status: 'active', migratedTo: String(SECOND) });
      expect(await things(name)).toContain('thing_id');
    }
    expect(lines).toContainEqual(
      expect.stringMatching(/^Set tenant bad aside, its migration failed: could not create/),
    );
    expect(lines).toContainEqual(`Migrated tenant good1: Change${SECOND}.`);

    await admin.query(
      `DELETE FROM ${database.names.tenantSchema('bad')}.thing; DROP INDEX ${database.names.tenantSchema('bad')}.thing_id`,
    );
    const again: string[] = [];
    await migrateAll(database, (line) => again.push(line));
    expect(again).toEqual([`Migrated tenant bad: Change${SECOND}.`]);
    expect(await entry('bad')).toMatchObject({ status: 'active', migratedTo: String(SECOND), error: null });
    expect(await things('bad')).toContain('thing_id');
  });

  it('has an index that is built beside the writers wait for those before it, longer than for any lock', async () => {
    await provisionTenant(of(FIRST), 'patient');
    const schema = database.names.tenantSchema('patient');
    const lines: string[] = [];
    await inAnother(async (writer) => {
      await writer.query(`LOCK TABLE ${schema}.thing IN ROW EXCLUSIVE MODE`);
      const migrating = migrateAll(database, (line) => lines.push(line));
      await untilFound(
        `SELECT FROM pg_stat_activity a JOIN pg_locks l USING (pid) JOIN pg_namespace n ON n.nspname = '${schema}'
           JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'thing_id'
          WHERE a.query LIKE '%INDEX CONCURRENTLY%' AND NOT l.granted AND clock_timestamp() - a.query_start > interval '3.5 s'`,
      );
      await writer.query('COMMIT');
      await migrating;
    });
    expect(lines).toEqual([`Migrated tenant patient: Change${SECOND}.`]);
    expect(await things('patient')).toContain('thing_id');
  });

  it('runs nothing and writes nothing when there is nothing to do', async () => {
    await migrateAll(database, silently);
    const written = async () => {
      const { rows } = await admin.query(
        `SELECT name, xmin::text FROM ${database.names.platform}.tenant
          UNION ALL SELECT name, xmin::text FROM ${database.names.platform}.migrations
          UNION ALL SELECT name, xmin::text FROM ${database.names.tenantSchema('demo')}.migrations
          UNION ALL SELECT nspname, xmin::text FROM pg_namespace WHERE starts_with(nspname, '${database.names.prefix}')
          ORDER BY 1, 2`,
      );
      return rows;
    };
    const before = await written();
    const lines: string[] = [];
    await migrateAll(database, (line) => lines.push(line));
    expect(lines).toEqual([]);
    expect(await written()).toEqual(before);
  });

  it('runs each migration once, however many start at the same time', async () => {
    await provisionTenant(of(FIRST), 'once');
    const lines: string[] = [];
    await Promise.all([1, 2, 3].map(() => migrateAll(database, (line) => lines.push(line))));
    expect(lines).toEqual([`Migrated tenant once: Change${SECOND}.`]);
  });

  it('asks for the tenants once when there is nothing to do', async () => {
    await migrateAll(database, silently);
    const query = jest.spyOn(Client.prototype, 'query');
    await migrateAll(database, silently);
    const texts = query.mock.calls.map(([text]) => (typeof text === 'string' ? text : ''));
    query.mockRestore();
    expect(texts.filter((text) => text.includes('.tenant '))).toHaveLength(1);
    expect(texts.filter((text) => text.includes(database.names.tenantSchema('demo')))).toEqual([]);
  });

  it('migrates who is suspended too, and lets nobody in by that', async () => {
    await provisionTenant(of(FIRST), 'paused');
    await suspendTenant(of(FIRST), 'paused');
    await migrateAll(database, silently);
    expect(await entry('paused')).toMatchObject({ status: 'suspended', migratedTo: String(SECOND) });
    expect(await things('paused')).toContain('thing_id');
  });

  it('gives tenants that come from before there were titles their name for one', async () => {
    await provisionTenant(database, 'veteran', 'Lost');
    const { platform } = database.names;
    await admin.query(`ALTER TABLE ${platform}.tenant DROP title`);
    await admin.query(`DELETE FROM ${platform}.migrations WHERE name LIKE 'AddTenantTitle%'`);
    await migrateAll(database, silently);
    expect(await entry('veteran')).toMatchObject({ title: 'veteran', status: 'active' });
    await expect(admin.query(`UPDATE ${platform}.tenant SET title = NULL`)).rejects.toMatchObject({ code: '23502' });
  });
});
