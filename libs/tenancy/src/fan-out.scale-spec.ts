import { migrateAll } from './migrate-all';
import { makeTenants, standing } from './test/many-tenants';
import { admin, database, FIRST, SECOND, usePremises, write } from './test/premises';

usePremises(() => {
  write(FIRST, 'CREATE TABLE thing (id int)');
  write(SECOND, 'ALTER TABLE thing ADD text text', 'CREATE INDEX ON thing (text)', 'CREATE TABLE other (id int)');
});

describe('migrateAll, with 1,000 tenants', () => {
  const NAMES = Array.from({ length: 1_000 }, (_, n) => `n${n}`);
  const BROKEN = ['n7', 'n500', 'n999'];

  it('migrates all but the broken ones, of which the next start tries those alone', async () => {
    await makeTenants(NAMES);
    for (const name of BROKEN) await admin.query(`CREATE TABLE ${database.names.tenantSchema(name)}.other (id int)`);
    const lines: string[] = [];
    const follow = jest.fn();
    await timed('1,000 tenants migrated', () => migrateAll(database, (line) => lines.push(line), follow));

    expect(lines.at(-1)).toBe('Migrated 998 of 1,001 tenants.'); // demo too
    expect(lines).toHaveLength(BROKEN.length + 1);
    expect(follow.mock.lastCall).toEqual([1_001, 1_001]);
    for (const [name, { status, migratedTo }] of Object.entries(await standing(NAMES))) {
      const expected = BROKEN.includes(name) ? ['migration_failed', FIRST] : ['active', SECOND];
      expect({ name, is: [status, migratedTo] }).toEqual({ name, is: expected });
    }

    const again: string[] = [];
    await migrateAll(database, (line) => again.push(line));
    expect(again).toHaveLength(BROKEN.length);
    for (const line of again) expect(line).toMatch(/^Set tenant n(7|500|999) aside/);

    for (const name of BROKEN) await admin.query(`DROP TABLE ${database.names.tenantSchema(name)}.other`);
    await migrateAll(database, () => undefined);
    const none: string[] = [];
    await timed('1,000 tenants found in order', () => migrateAll(database, (line) => none.push(line)));
    expect(none).toEqual([]);
  }, 300_000);
});

async function timed(what: string, work: () => Promise<void>): Promise<void> {
  const started = performance.now();
  await work();
  process.stdout.write(`${what} in ${((performance.now() - started) / 1_000).toFixed(2)} s\n`);
}
