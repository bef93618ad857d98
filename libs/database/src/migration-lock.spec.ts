import { Client } from 'pg';
import { freshPrefix, openTestDatabase, testSettings } from '@app/testing';
import { Database } from './database';
import { withMigrationLock } from './migration-lock';
import { Names } from './names';

const SETS = { platform: { entities: [], migrations: [] }, tenant: { entities: [], migrations: [] } };
const silently = () => undefined;

describe('withMigrationLock', () => {
  let database: Database;
  let admin: Client;
  beforeAll(async () => {
    database = await openTestDatabase(testSettings({ SCHEMA_PREFIX: freshPrefix() }), SETS, silently);
    admin = new Client({ connectionString: database.adminUrl });
    await admin.connect();
  });
  afterAll(async () => {
    await admin.end();
    await database.release();
  });

  /** The backend that holds the lock. */
  const holder = async (): Promise<number> => {
    const { rows } = await admin.query<{ pid: number }>(
      `WITH key AS (SELECT hashtextextended($1, 0) AS key)
       SELECT pid FROM pg_locks, key WHERE locktype = 'advisory' AND granted
          AND classid = (key >> 32 & x'ffffffff'::bigint)::oid AND objid = (key & x'ffffffff'::bigint)::oid`,
      [`migrations of "${database.names.prefix}"`],
    );
    expect(rows).toHaveLength(1);
    return rows[0].pid;
  };

  it('lets one in at a time, and each gets its turn and its result', async () => {
    let inside = 0;
    const most: number[] = [];
    const work = async () => {
      most.push(++inside);
      await admin.query('SELECT pg_sleep(0.05)');
      inside--;
      return most.length;
    };
    const results = await Promise.all([1, 2, 3].map(() => withMigrationLock(database, silently, work)));
    expect(most).toEqual([1, 1, 1]);
    expect(results.sort()).toEqual([1, 2, 3]);
  });

  it('is free again when the work fails', async () => {
    const failing = withMigrationLock(database, silently, () => Promise.reject(new Error('mine')));
    await expect(failing).rejects.toThrow('mine');
    expect(await withMigrationLock(database, silently, async () => 'next')).toBe('next');
  });

  it('does not make another installation wait', async () => {
    const others = { ...database, names: new Names(freshPrefix()) };
    const order: string[] = [];
    await withMigrationLock(database, silently, async () => {
      await withMigrationLock(others, silently, async () => void order.push('other'));
      order.push('mine');
    });
    expect(order).toEqual(['other', 'mine']);
  });

  it('is freed by the end of its holder, who is told that it lost it', async () => {
    const started = Promise.withResolvers<void>();
    const first = withMigrationLock(database, silently, () => {
      started.resolve();
      return new Promise<never>(() => undefined);
    });
    const told = expect(first).rejects.toThrow(/The lock on the migrations was lost .*another process/);
    await started.promise;
    const second = withMigrationLock(database, silently, async () => 'next');
    await admin.query('SELECT pg_terminate_backend($1, 5000)', [await holder()]);
    await told;
    expect(await second).toBe('next');
  });

  it('tells who waits for it, now and then', async () => {
    const lines: string[] = [];
    const waiting = Promise.withResolvers<void>();
    const say = (line: string) => {
      lines.push(line);
      waiting.resolve();
    };
    let second: Promise<string>;
    await withMigrationLock(database, silently, async () => {
      let now = Date.now();
      const clock = jest.spyOn(Date, 'now').mockImplementation(() => (now += 6_000)); // at every look
      second = withMigrationLock(database, say, async () => 'next');
      await waiting.promise;
      clock.mockRestore();
    });
    expect(await second!).toBe('next');
    expect(lines[0]).toBe('Waiting for another process to finish its migrations.');
  });
});
