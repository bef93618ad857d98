import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { until } from '@app/testing';
import { serverAccount } from './account';
import type { EmbeddedPostgresOptions } from './embedded-postgres';
import { serversIn } from './processes';
import { query, Workshop } from './test/workshop';

describe('EmbeddedPostgres', () => {
  const workshop = new Workshop();
  const { dataDir } = workshop;
  afterEach(() => workshop.tidy());
  afterAll(() => workshop.close());

  const serverPid = () => Number.parseInt(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8'), 10);
  const servers = async () => serversIn(dataDir, await serverAccount());
  const log = () => readFileSync(`${dataDir}.embedded/postgres.log`, 'utf8');

  describe('a cluster', () => {
    it('serves two processes that start on an empty directory at the same moment', async () => {
      const both = await Promise.all([workshop.open(), workshop.open()]);
      expect(both.map(({ started }) => started).sort()).toEqual([false, true]);
      expect(both[0].adminUrl).toBe(both[1].adminUrl);
      await Promise.all(both.map((session) => session.release()));
      expect(await servers()).toEqual([]);
    });

    it('is made once and comes back with its data on the same URL', async () => {
      const first = await workshop.start();
      await query(first.adminUrl, 'CREATE TABLE note AS SELECT 42 AS number');
      await first.release();
      const second = await workshop.start();
      expect(second.started).toBe(true);
      expect(second.adminUrl).toBe(first.adminUrl);
      expect((await query(second.adminUrl, 'SELECT number FROM note')).rows).toEqual([{ number: 42 }]);
    });

    it('asks everyone for the generated password, listens on this machine only and reads UTF-8', async () => {
      const { adminUrl } = await workshop.start();
      const methods = await query(adminUrl, 'SELECT DISTINCT auth_method FROM pg_hba_file_rules');
      expect(methods.rows).toEqual([{ auth_method: 'scram-sha-256' }]);
      const settings = await query(
        adminUrl,
        `SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) AS all FROM pg_settings WHERE name IN (
           'listen_addresses', 'unix_socket_directories', 'max_connections', 'max_locks_per_transaction', 'server_encoding')`,
      );
      expect(settings.rows[0].all).toBe(
        'listen_addresses=127.0.0.1 max_connections=300 max_locks_per_transaction=256 server_encoding=UTF8 unix_socket_directories=',
      );
      expect((await query(adminUrl, `SELECT 'B' < 'a' AS "byCodePoint"`)).rows).toEqual([{ byCodePoint: true }]);
      expect(statSync(`${dataDir}.embedded/password`).mode & 0o777).toBe(0o600);
      expect(new URL(adminUrl).password).toHaveLength(32);
      await expect(query(adminUrl.replace(/:[^:@]+@/, ':guess@'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    });

    it('waits for the disk, unless its data are disposable', async () => {
      const fsync = async (given: Partial<EmbeddedPostgresOptions>) => {
        const { adminUrl } = await workshop.start(given);
        return (await query(adminUrl, 'SHOW fsync')).rows[0].fsync;
      };
      expect(await fsync({})).toBe('on');
      expect(await fsync({ dataDir: join(workshop.root, 'disposable'), isDisposable: true })).toBe('off');
    });

    it('is made whole although an earlier initdb was killed half-way', async () => {
      const dataDir = join(workshop.root, 'half');
      const { child, outcome } = workshop.begin({ dataDir });
      const half = () =>
        existsSync(`${dataDir}.embedded`) &&
        readdirSync(`${dataDir}.embedded`).some((name) =>
          existsSync(join(`${dataDir}.embedded`, name, 'cluster', 'PG_VERSION')),
        );
      await until(half);
      child.kill('SIGKILL');
      await outcome;
      const { adminUrl } = await workshop.start({ dataDir });
      expect((await query(adminUrl, 'SELECT count(*)::int FROM pg_database')).rows).toEqual([{ count: 3 }]);
    });
  });

  describe('a running server', () => {
    it('is shared, and stopped by the last process that releases it', async () => {
      const here = await workshop.start();
      const there = await workshop.open();
      expect(there).toMatchObject({ started: false, adminUrl: here.adminUrl });
      await Promise.all([here.release(), here.release()]);
      await query(here.adminUrl, 'SELECT 1');
      await there.release();
      expect(await servers()).toEqual([]);
      expect(log()).toContain('database system is shut down');
    });

    it('is there for whoever starts while another releases', async () => {
      let holder = await workshop.start();
      for (let round = 0; round < 3; round++) {
        const [next] = await Promise.all([workshop.start(), holder.release()]);
        await query(next.adminUrl, 'SELECT 1');
        holder = next;
      }
    });

    it.each([
      ['kill -9 of its process', (pid: number) => process.kill(pid, 'SIGKILL')],
      ['Ctrl-C in the terminal', (pid: number) => process.kill(-pid, 'SIGINT')],
    ])('survives %s, and the dead process no longer counts', async (_, end) => {
      const dead = await workshop.open();
      end(dead.process.pid!);
      await until(() => dead.process.exitCode !== null || dead.process.signalCode !== null);
      const next = await workshop.start();
      expect(next.started).toBe(false);
      expect(next.adminUrl).toBe(dead.adminUrl);
      await next.release();
      expect(await servers()).toEqual([]);
    });

    it('that has another password is reported, and left alone', async () => {
      const { adminUrl } = await workshop.start();
      const file = `${dataDir}.embedded/password`;
      const password = readFileSync(file);
      writeFileSync(file, 'mistaken');
      await expect(workshop.start()).rejects.toThrow(`Postgres refuses the password in ${file}`);
      writeFileSync(file, password);
      await query(adminUrl, 'SELECT 1');
    });

    it('that another program is shutting down is waited for and started again', async () => {
      const first = await workshop.open();
      await first.kill();
      const busy = new Client({ connectionString: first.adminUrl });
      busy.on('error', () => undefined);
      await busy.connect();
      process.kill(serverPid(), 'SIGTERM'); // waits for its clients to leave, and refuses new ones
      const next = workshop.start();
      await until(() => log().includes('is shutting down'));
      await busy.end();
      expect((await next).started).toBe(true);
    });
  });

  describe('a killed server', () => {
    it('recovers, and a backend that has not noticed is ended', async () => {
      const before = await workshop.start();
      await query(before.adminUrl, 'CREATE TABLE survivor AS SELECT 42 AS number');
      const busy = query(before.adminUrl, 'DO $$ BEGIN LOOP END LOOP; END $$').catch(() => undefined);
      const running = `SELECT count(*)::int FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'`;
      await until(async () => (await query(before.adminUrl, running)).rows[0].count > 0);
      process.kill(serverPid(), 'SIGKILL');
      const after = await workshop.start();
      await busy;
      expect(after.started).toBe(true);
      expect(after.adminUrl).toBe(before.adminUrl);
      expect((await query(after.adminUrl, 'SELECT number FROM survivor')).rows).toEqual([{ number: 42 }]);
      expect(log()).toContain('automatic recovery in progress');
    });

    it('is not mistaken for a process that has got its pid since', async () => {
      writeFileSync(join(dataDir, 'postmaster.pid'), `${process.pid}\n${dataDir}\n1700000000\n5432\n\n127.0.0.1\n`);
      expect((await workshop.start()).started).toBe(true);
    });
  });
});
