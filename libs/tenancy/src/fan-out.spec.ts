import { ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { FanOutReport } from './fan-out-report';
import { migrateAll } from './migrate-all';
import { makeTenants, standing } from './test/many-tenants';
import {
  admin,
  database,
  entry,
  FIRST,
  folder,
  inAnother,
  SECOND,
  silently,
  untilFound,
  usePremises,
  write,
} from './test/premises';

const BUILT = 'dist/libs/tenancy/src/index.js';

/** Does what a start does, in a process that can be killed: what it needs comes as JSON. */
const START = `
  const { migrateAll } = require('./${BUILT}');
  const { Names } = require('./dist/libs/database/src');
  const { prefix, platform, tenant, ...rest } = JSON.parse(process.argv[1]);
  const sets = { platform: { entities: [], migrations: platform }, tenant: { entities: [], migrations: tenant } };
  migrateAll({ ...rest, sets, names: new Names(prefix) }, () => undefined);
`;

usePremises(() => {
  write(FIRST, 'CREATE TABLE thing (id int)');
  // Waits where a test holds the lock of that schema.
  write(
    SECOND,
    'SELECT pg_advisory_xact_lock_shared(hashtext(current_schema()))',
    'INSERT INTO thing VALUES (2)',
    'CREATE TABLE other (id int)',
  );
});

function start(): ChildProcess {
  if (!existsSync(BUILT)) throw new Error('This test starts what is built: type "npm run build" first.');
  const { adminUrl, appUrl, hasRoles, names } = database;
  const given = {
    adminUrl,
    appUrl,
    hasRoles,
    prefix: names.prefix,
    platform: ['dist/libs/tenancy/src/migrations/*.js'],
    tenant: [`${folder}/*.js`],
  };
  return spawn(process.execPath, ['-e', START, JSON.stringify(given)], { stdio: 'inherit' });
}

describe('migrateAll, with 100 tenants of which one is broken', () => {
  const NAMES = Array.from({ length: 100 }, (_, n) => `n${String(n).padStart(2, '0')}`);
  const BROKEN = 'n07';
  const HELD = ['n40', 'n41', 'n42', 'n43']; // all that are migrated at once wait here

  it('goes on after a kill where it was, runs each migration once and sets only the broken one aside', async () => {
    await makeTenants(NAMES);
    await admin.query(`CREATE TABLE ${database.names.tenantSchema(BROKEN)}.other (id int)`);
    for (const name of HELD)
      await admin.query('SELECT pg_advisory_lock(hashtext($1))', [database.names.tenantSchema(name)]);

    const child = start();
    const ended = new Promise((resolve) => child.once('close', (_code, signal) => resolve(signal)));
    const schemas = HELD.map((name) => database.names.tenantSchema(name));
    const waiting = `SELECT FROM pg_locks, unnest($1::text[]) AS schema
      WHERE locktype = 'advisory' AND NOT granted AND objid = hashtext(schema)::bigint::bit(32)::bigint::oid
     HAVING count(*) = ${HELD.length}`;
    await untilFound(waiting, [schemas]);
    child.kill('SIGKILL');
    expect(await ended).toBe('SIGKILL');
    await admin.query('SELECT pg_advisory_unlock_all()');

    const killed = await standing(NAMES);
    const done = NAMES.filter((name) => name < HELD[0] && name !== BROKEN);
    for (const name of NAMES)
      expect({ name, ...killed[name] }).toMatchObject({ name, migratedTo: done.includes(name) ? SECOND : FIRST });

    const lines: string[] = [];
    await migrateAll(database, (line) => lines.push(line));
    const resumed = await standing(NAMES);
    for (const name of NAMES.filter((name) => name !== BROKEN)) {
      expect({ name, ...resumed[name] }).toMatchObject({ name, status: 'active', migratedTo: SECOND });
      const { rows } = await admin.query(`SELECT id FROM ${database.names.tenantSchema(name)}.thing`);
      expect({ name, ran: rows }).toEqual({ name, ran: [{ id: 2 }] });
    }
    for (const name of done) expect(resumed[name]).toEqual(killed[name]); // not touched again
    expect(await entry(BROKEN)).toMatchObject({
      status: 'migration_failed',
      migratedTo: String(FIRST),
      error: 'relation "other" already exists',
    });
    const isProgress = (line: string) => /^Migrated \d+ of 61 tenants\.$/.test(line); // every five seconds, on a slow machine
    expect(lines.filter((line) => !isProgress(line))).toEqual([
      `Set tenant ${BROKEN} aside, its migration failed: relation "other" already exists`,
    ]);
    expect(lines.findLast(isProgress)).toBe('Migrated 60 of 61 tenants.');
  });

  it('then tries the broken one alone, until it can be migrated', async () => {
    const lines: string[] = [];
    await migrateAll(database, (line) => lines.push(line));
    await admin.query(`DROP TABLE ${database.names.tenantSchema(BROKEN)}.other`);
    await migrateAll(database, (line) => lines.push(line));
    expect(lines).toEqual([
      `Set tenant ${BROKEN} aside, its migration failed: relation "other" already exists`,
      `Migrated tenant ${BROKEN}: Change${SECOND}.`,
    ]);
  });

  it('stops when the registry cannot be written, and the next start does the rest', async () => {
    await admin.query(`UPDATE ${database.names.platform}.tenant SET migrated_to = 0`);
    await admin.query(
      `CREATE FUNCTION ${database.names.platform}.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''disk full''; END';
       CREATE TRIGGER refuse BEFORE UPDATE ON ${database.names.platform}.tenant
         FOR EACH ROW WHEN (OLD.name = 'n50') EXECUTE FUNCTION ${database.names.platform}.refuse()`,
    );
    await expect(migrateAll(database, silently)).rejects.toThrow('disk full');
    await admin.query(`DROP TRIGGER refuse ON ${database.names.platform}.tenant`);
    await migrateAll(database, silently);
    for (const { migratedTo } of Object.values(await standing(NAMES))) expect(migratedTo).toBe(SECOND);
  });
});

it('runs a migration again that lost a deadlock to a request', async () => {
  await makeTenants(['tangled']);
  const schema = database.names.tenantSchema('tangled');
  await inAnother(async (request) => {
    await request.query(`SET LOCAL deadlock_timeout = '1min'; LOCK TABLE ${schema}.thing`); // it is the other that is to notice
    const lines: string[] = [];
    const migrating = migrateAll(database, (line) => lines.push(line));
    await untilFound(`SELECT FROM pg_locks WHERE NOT granted AND relation = '${schema}.thing'::regclass`);
    await request.query('SELECT pg_advisory_xact_lock(hashtext($1))', [schema]);
    await request.query('COMMIT');
    await migrating;
    expect(lines).toEqual([`Migrated tenant tangled: Change${SECOND}.`]);
  });
});

describe('FanOutReport', () => {
  afterEach(() => jest.useRealTimers());

  /** What is said when a second passes with each of `total` tenants, of which the third fails. */
  const said = (total: number, follow?: (done: number, total?: number) => void): string[] => {
    jest.useFakeTimers();
    const lines: string[] = [];
    const report = new FanOutReport(total, (line) => lines.push(line), follow);
    for (let n = 1; n <= total; n++) {
      jest.advanceTimersByTime(1_000);
      if (n === 3) report.setAside('t3', 'no.');
      else report.succeeded(`t${n}`, ['Change1', 'Change2']);
    }
    report.finish();
    return lines;
  };

  it('names up to ten tenants one by one', () => {
    expect(said(10)).toHaveLength(10);
    expect(said(10).slice(1, 3)).toEqual([
      'Migrated tenant t2: Change1, Change2.',
      'Set tenant t3 aside, its migration failed: no.',
    ]);
  });

  it('counts more than ten every five seconds, and names only failures', () => {
    expect(said(12)).toEqual([
      'Set tenant t3 aside, its migration failed: no.',
      'Migrated 4 of 12 tenants.',
      'Migrated 9 of 12 tenants.',
      'Migrated 11 of 12 tenants.',
    ]);
  });

  it('writes numbers as people do, and leaves counting to who follows', () => {
    const follow = jest.fn();
    expect(said(1_001, follow)).toEqual([
      'Set tenant t3 aside, its migration failed: no.',
      'Migrated 1,000 of 1,001 tenants.',
    ]);
    expect(follow.mock.calls.slice(1, 3)).toEqual([
      [2, 1_001],
      [3, 1_001],
    ]);
  });
});
