import { once } from 'node:events';
import { Logger } from '@nestjs/common';
import { escapeIdentifier as quote, type PoolClient } from 'pg';
import { isDataError, isUnavailable, postgresError } from './database-errors';
import { currentUnit, Place, Scope } from './scope';
import type { Single } from './tenant-pool';
import {
  a,
  admin,
  atRest,
  b,
  database,
  Door,
  door,
  ids,
  NOBODY_IN_SCOPE,
  tenant,
  untilFound,
  usePremises,
} from './test/premises';

usePremises();

const WHERE = `SELECT current_user AS role, current_setting('search_path') AS path`;
const INSERT = 'INSERT INTO note (id, text) VALUES ($1, $2) RETURNING id';
const PREPARE = { prepare: true };
const SHARE = { prepare: true, share: true };
const RESET = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
type Backend = PoolClient & { processID: number };

/** Runs the only statement of a unit. */
const single = <R = any>({ run }: Door, scope: Scope, ...statement: [string, unknown[]?, Single?]) =>
  run(scope, () => currentUnit().single<R>(...statement));
const fault = (work: Promise<unknown>): Promise<any> => work.then(() => undefined).catch((reason) => reason);
const prepared = async ({ pool }: Door): Promise<string[]> =>
  (await pool.query('SELECT statement FROM pg_prepared_statements ORDER BY prepare_time')).rows.map(
    ({ statement }) => statement,
  );
const as = (scope: Scope, tenant: Partial<Place>): Scope => ({
  ...scope,
  tenant: { ...scope.tenant, ...tenant },
});

/** Counts how often the server was asked and answered, on the one connection of a pool. */
async function countTrips({ pool }: Door): Promise<() => number> {
  let trips = 0;
  const client = await pool.connect();
  client.connection.on('readyForQuery', () => trips++);
  client.release();
  return () => trips;
}

describe('Unit.single', () => {
  it.each([{ prepare: false }, PREPARE, SHARE])("runs in the unit's tenant, in one round trip, %o", async (how) => {
    const door1 = await door();
    const trips = await countTrips(door1);
    for (let times = 1; times <= 3; times++) {
      for (const scope of [a, b]) {
        const { role, schema } = scope.tenant;
        expect(await single(door1, scope, WHERE, [], how)).toEqual([{ role, path: quote(schema) }]);
      }
      expect(trips()).toBe(2 * times);
    }
    expect(door1.statements).toEqual(Array.from({ length: 6 }, () => WHERE));
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
  });

  it('tells triggers on whose behalf it writes, unlike what shares a connection, which only reads', async () => {
    const door1 = await door();
    const scope = { ...a, actor: `o'hara`, requestId: '1' };
    const whose = `SELECT current_setting('app.actor', true) AS actor, current_setting('app.request_id', true) AS request`;
    expect(await single(door1, scope, whose)).toEqual([{ actor: `o'hara`, request: '1' }]);
    expect(await single(door1, scope, whose, [], PREPARE)).toEqual([{ actor: `o'hara`, request: '1' }]);
    expect(await single(door1, scope, whose, [], SHARE)).toEqual([{ actor: '', request: '' }]);
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
  });

  it('keeps what it writes at once, and nothing of what fails', async () => {
    const door1 = await door();
    await expect(
      door1.run(a, async () => {
        expect(await currentUnit().single(INSERT, [1, 'one'])).toEqual([{ id: 1 }]);
        expect(await ids(a)).toEqual([1]);
        throw new Error('mine');
      }),
    ).rejects.toThrow('mine');
    await expect(
      single(door1, a, 'INSERT INTO note (id) SELECT 5 - n FROM generate_series(1, 10) n'),
    ).rejects.toThrow();
    expect(await ids(a)).toEqual([1]);
    expect(await single(door1, a, `UPDATE note SET text = 'x' RETURNING id`)).toEqual([{ id: 1 }]);
    expect(await single(door1, a, 'DELETE FROM note')).toEqual([]);
    expect(await ids(a)).toEqual([]);
  });

  it('may be followed by what reads, and is part of the transaction that has begun', async () => {
    const { run, notes } = await door();
    await run(a, async () => {
      await currentUnit().single(INSERT, [1, 'one']);
      expect(await notes.count()).toBe(1);
    });
    const failing = run(a, async () => {
      await notes.insert({ id: 2 });
      expect(await currentUnit().single(INSERT, [3, 'three'], PREPARE)).toEqual([{ id: 3 }]);
      expect(await currentUnit().single('DELETE FROM note WHERE id < 3 RETURNING id')).toEqual([{ id: 1 }, { id: 2 }]);
      throw new Error('mine');
    });
    await expect(failing).rejects.toThrow('mine');
    expect(await ids(a)).toEqual([1]);
  });

  it('leaves nothing of a dry run', async () => {
    const { run } = await door();
    await run(a, async () => {
      currentUnit().keepNothing();
      expect(await currentUnit().single(INSERT, [1, 'one'])).toEqual([{ id: 1 }]);
    });
    expect(await ids(a)).toEqual([]);
  });

  it('is refused when its unit is over', async () => {
    const { run } = await door();
    const unit = await run(a, async () => currentUnit());
    await expect(unit.single(INSERT, [1, 'one'])).rejects.toThrow(/unit of work is over/);
    expect(await ids(a)).toEqual([]);
  });

  it('can be run again when it lost a deadlock', async () => {
    const { run } = await door();
    let runs = 0;
    const losing = run(a, () =>
      currentUnit().attempt(() => {
        runs++;
        return currentUnit().single(`DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$`);
      }),
    );
    await expect(losing).rejects.toMatchObject({ code: '40001' });
    expect(runs).toBe(3);
  });

  it('takes parameters of every kind, and gives rows as pg reads them', async () => {
    const door1 = await door();
    const date = new Date('2026-11-22T12:34:56.789Z');
    const values = [
      null,
      1.5,
      'é"\'\\',
      true,
      date,
      [1, 2, null],
      ['a', '{"b"}'],
      Buffer.from([0, 255]),
      { x: [1] },
      12n,
    ];
    const types = 'text float8 text bool timestamptz int[] text[] bytea jsonb bigint'.split(' ');
    const text = `SELECT ${types.map((type, index) => `$${index + 1}::${type} AS v${index}`).join(', ')}`;
    for (const how of [undefined, PREPARE, PREPARE, SHARE, SHARE]) {
      const [row] = await single(door1, a, text, values, how);
      expect(Object.values(row)).toEqual([...values.slice(0, -1), '12']);
    }
  });

  it('finds tenants whose names must be quoted', async () => {
    const odd = await tenant('odd', `${database.names.prefix}O"d; d'`);
    const door1 = await door();
    await single(door1, odd, INSERT, [1, 'one']);
    expect(await ids(odd)).toEqual([1]);
  });
});

describe('A single statement that fails', () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const FAULTS: [string, string | undefined, (scope: Scope) => [Scope, string, unknown[]?]][] = [
    ['at its values', '22012', (scope) => [scope, 'SELECT 1 / (id - 7) FROM generate_series(1, 9) id']],
    ['at a constraint', '23505', (scope) => [scope, 'INSERT INTO note (id) VALUES (1), (1)']],
    ['in a schema that is gone', '42P01', (scope) => [as(scope, { schema: 'gone' }), 'SELECT * FROM note']],
    ['as a role that is gone', '22023', (scope) => [as(scope, { role: 'gone' }), 'SELECT * FROM note']],
    ['as a role not given to it', '42501', (scope) => [as(scope, { role: database.names.owner }), WHERE]],
    ["in another tenant's table", '42501', (scope) => [scope, `SELECT * FROM ${quote(b.tenant.schema)}.note`]],
    ['as two statements', '42601', (scope) => [scope, 'SELECT 1; SELECT 2']],
    ['before it is sent', undefined, (scope) => [scope, 'SELECT $1::jsonb', [circular]]],
  ];

  it.each(FAULTS)('says so, and leaves the connection to nobody: %s', async (_where, code, fail) => {
    const door1 = await door();
    for (const how of [undefined, PREPARE, PREPARE, SHARE, SHARE]) {
      const [scope, text, values = []] = fail(a);
      const error = await fault(single(door1, scope, text, values, how));
      expect(error).toMatchObject({ name: 'QueryFailedError', query: text, parameters: values });
      expect(door1.failures.splice(0)).toEqual([text]);
      expect([postgresError(error)?.code, isDataError(error)]).toEqual([code, /^2[23]/.test(code ?? '')]);
      expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
      expect(await single(door1, a, 'SELECT count(*)::int FROM note')).toEqual([{ count: 0 }]);
    }
  });

  it('does not hand a transaction of its own making to the next user of the connection', async () => {
    const door1 = await door();
    await single(door1, a, 'START TRANSACTION');
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
  });

  it.each([
    ['by the server', ({ processID }: Backend) => void admin.query('SELECT pg_terminate_backend($1)', [processID])],
    ['by the network', ({ connection }: Backend) => connection.stream.destroy(RESET)],
  ])('is unavailable when its connection is ended under it %s, and the pool recovers', async (_by, end) => {
    const door1 = await door();
    const acquired = once(door1.pool, 'acquire') as Promise<[Backend]>;
    const sleeping = fault(single(door1, a, 'SELECT pg_sleep(30)'));
    const [client] = await acquired;
    await untilFound(`SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND pid = $1`, [
      client.processID,
    ]);
    end(client);
    expect(isUnavailable(await sleeping)).toBe(true);
    await single(door1, a, INSERT, [1, 'one']);
    expect(await ids(a)).toEqual([1]);
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
  });
});

describe('Without roles of tenants', () => {
  let plain: Scope;
  beforeAll(async () => {
    const { tenant: made } = await tenant('plain');
    const { app } = database.names;
    await admin.query(
      `GRANT USAGE ON SCHEMA ${quote(made.schema)} TO ${app}; GRANT ALL ON ${quote(made.schema)}.note TO ${app}`,
    );
    plain = { ...a, tenant: { ...made, role: null } };
  });

  it('a single statement switches the schema and nothing else', async () => {
    const door1 = await door();
    expect(await single(door1, plain, WHERE)).toEqual([{ role: database.names.app, path: quote(plain.tenant.schema) }]);
    await single(door1, plain, INSERT, [1, 'one']);
    expect(await ids(plain)).toEqual([1]);
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
  });

  it('a role that the login takes by itself stays', async () => {
    const { app } = database.names;
    await admin.query(`ALTER ROLE ${app} SET role = ${quote(a.tenant.role!)}`);
    const door1 = await door();
    await admin.query(`ALTER ROLE ${app} RESET role`);
    const [{ role }] = await single(door1, plain, WHERE);
    const [ordinary] = await door1.run(plain, () => currentUnit().manager.query(WHERE));
    expect([role, ordinary.role]).toEqual([a.tenant.role, a.tenant.role]);
  });
});

describe('A prepared single statement', () => {
  it('outlives a change of its table', async () => {
    const door1 = await door(3);
    const read = () => single(door1, changing, 'SELECT * FROM note', [], PREPARE);
    const changing = await tenant('changing');
    await admin.query(`INSERT INTO ${quote(changing.tenant.schema)}.note (id) VALUES (1)`);
    for (const columns of [3, 4, 5]) {
      const rows = (await Promise.all(Array.from({ length: 30 }, read))).flat();
      expect(new Set(rows.map((row) => Object.keys(row).length))).toEqual(new Set([columns]));
      await admin.query(`ALTER TABLE ${quote(changing.tenant.schema)}.note ADD COLUMN c${columns} int`);
    }
    expect((await prepared(door1)).length).toBeGreaterThan(0);
  });

  it('is not shared by tenants, whose tables may differ for the time of a migration', async () => {
    const ahead = await tenant('ahead');
    await admin.query(`ALTER TABLE ${quote(ahead.tenant.schema)}.note ALTER COLUMN count TYPE bigint`);
    const door1 = await door();
    const read = (scope: Scope, count: number) =>
      single(door1, scope, 'SELECT count FROM note WHERE count = $1', [count], PREPARE);
    for (let times = 1; times <= 3; times++) {
      expect(await read(a, 1)).toEqual([]);
      expect(await read(ahead, 2 ** 40)).toEqual([]);
    }
  });

  it('is one that came before', async () => {
    const door1 = await door();
    for (const text of ['SELECT 1 AS n', 'SELECT 2 AS n']) await single(door1, a, text, [], PREPARE);
    expect(await prepared(door1)).toEqual([expect.stringMatching('set_config')]); // the first of all brought the switch
    await single(door1, a, 'SELECT 2 AS n', [], PREPARE);
    expect(await prepared(door1)).toEqual([expect.stringMatching('set_config'), 'SELECT 2 AS n']);
  });

  it('takes the place of the oldest where a connection has many, and never runs as another', async () => {
    const door1 = await door();
    for (let n = 0; n < 250; n++)
      for (let times = 0; times < 3; times++)
        expect(await single(door1, a, `SELECT ${n} AS n`, [], PREPARE)).toEqual([{ n }]);
    const names = await prepared(door1);
    expect(names).toHaveLength(200);
    expect(names[0]).toMatch('set_config');
    expect(names.slice(1)).toEqual(Array.from({ length: 199 }, (_name, index) => `SELECT ${index + 51} AS n`));
  });

  it('is none where more of them go round than a connection has room for', async () => {
    const door1 = await door();
    for (let round = 0; round < 3; round++)
      for (let n = 0; n < 250; n++) expect(await single(door1, a, `SELECT ${n} AS n`, [], PREPARE)).toEqual([{ n }]);
    expect(await prepared(door1)).toEqual([expect.stringMatching('set_config')]);
  });

  it('is not taken for lost where Postgres refused it', async () => {
    const door1 = await door();
    for (let times = 1; times <= 3; times++) await fault(single(door1, a, 'SELECT * FROM gone', [], PREPARE));
    for (let times = 1; times <= 2; times++) await single(door1, a, WHERE, [], PREPARE);
    expect(await prepared(door1)).toEqual([expect.stringMatching('set_config'), WHERE]);
  });

  it('is none unless it was asked for', async () => {
    const door1 = await door();
    await single(door1, a, 'SELECT 1');
    expect(await prepared(door1)).toEqual([expect.stringMatching('set_config')]);
  });

  it.each([
    ['forgets it', 'DEALLOCATE ALL', (_client: PoolClient) => undefined],
    [
      'has it from somebody else',
      'SELECT 1', // the connection comes to a server where the name stands for something already
      ({ connection }: PoolClient) => Object.assign(connection, { parsedStatements: {} }),
    ],
  ])('is done without, for good, behind a pooler that %s', async (_what, statement, mixUp) => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const door1 = await door();
    for (const how of [PREPARE, PREPARE, SHARE, SHARE]) await single(door1, a, WHERE, [], how);
    const client = await door1.pool.connect();
    await client.query(statement);
    mixUp(client);
    client.release();
    for (const how of [SHARE, PREPARE]) {
      for (const scope of [a, b, a])
        expect(await single(door1, scope, WHERE, [], how)).toMatchObject([{ role: scope.tenant.role }]);
    }
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
    expect(await prepared(door1)).toEqual([]);
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
  });
});

describe('Statements that share a connection', () => {
  it('are prepared all the same after some of them failed for a lock, and came again by themselves', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const door1 = await door(2);
    const text = 'SELECT count(*)::int AS n FROM note';
    await single(door1, a, 'SELECT 1', [], SHARE);
    const note = `${quote(a.tenant.schema)}.note`;
    await admin.query(`BEGIN; LOCK TABLE ${note}`);
    const asked = Array.from({ length: 8 }, () => single(door1, a, text, [], SHARE));
    // Whoever shares a connection waits for 100 ms: who waits longer has come again.
    const waits = `SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass`;
    await untilFound(`${waits} AND waitstart < clock_timestamp() - interval '200 ms'`, [note]);
    await admin.query('COMMIT');
    const answers = await Promise.all(asked);
    expect(answers).toHaveLength(8);
    for (let n = 0; n < 3; n++) await single(door1, a, text, [], SHARE);
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
    expect(await prepared(door1)).toContain(text);
  });

  const sharing = (door1: Door, scope: Scope, text: string, values?: unknown[]) =>
    single(door1, scope, text, values, SHARE);
  it('are sent without waiting for each other, and each is its own tenant and transaction', async () => {
    const door1 = await door(10);
    const scopes = Array.from({ length: 32 }, (_scope, n) => (n % 2 ? a : b));
    const rows = await Promise.all(scopes.map((scope) => sharing(door1, scope, WHERE)));
    expect(rows).toEqual(scopes.map(({ tenant: { role, schema } }) => [{ role, path: quote(schema) }]));
    expect(door1.pool.totalCount).toBe(1);
    expect(await atRest(door1)).toEqual(Array.from({ length: 10 }, () => NOBODY_IN_SCOPE));
  });

  it('take a second connection where one has its hands full', async () => {
    const door1 = await door(10);
    await Promise.all(Array.from({ length: 33 }, () => sharing(door1, a, 'SELECT 1')));
    expect(door1.pool.totalCount).toBe(2);
  });

  it('give it back to the pool in the end, which lets none grow old, however many follow each other', async () => {
    const door1 = await door(2);
    expect(door1.pool.options).toMatchObject({ maxLifetimeSeconds: 600, maxUses: 10_000 });
    door1.pool.options.maxUses = 1;
    const ask = () => sharing(door1, a, 'SELECT pg_backend_pid() AS pid, pg_sleep(0.001)');
    const pids = new Set<number>();
    const underWay = Array.from({ length: 10 }, ask); // never none
    for (let times = 0; times < 1_100; times++) {
      underWay.push(ask());
      for (const { pid } of await underWay.shift()!) pids.add(pid);
    }
    await Promise.all(underWay);
    expect(pids.size).toBeGreaterThan(1);
  });

  it('do not fail with one that fails', async () => {
    const door1 = await door();
    const texts = [
      'SELECT 1 AS n',
      'SELECT 1/0',
      'SELECT nonsense',
      'SELECT 2 AS n',
      'SELECT * FROM gone',
      'SELECT 3 AS n',
    ];
    const outcomes = await Promise.all(texts.map((text) => fault(sharing(door1, a, text))));
    expect(outcomes.map((error) => error?.code)).toEqual([undefined, '22012', '42703', undefined, '42P01', undefined]);
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
  });

  it('do not wait for one that waits for a lock, and that one has its answer when it is free', async () => {
    const door1 = await door(2);
    await admin.query(`INSERT INTO ${quote(a.tenant.schema)}.note (id) VALUES (7)`);
    await admin.query(`BEGIN; LOCK TABLE ${quote(a.tenant.schema)}.note`);
    const waiting = sharing(door1, a, 'SELECT id FROM note');
    const others = Array.from({ length: 20 }, () => sharing(door1, b, 'SELECT id FROM note'));
    expect(await Promise.all(others)).toEqual(others.map(() => []));
    await untilFound(`SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass`, [
      `${quote(a.tenant.schema)}.note`,
    ]);
    await admin.query('COMMIT');
    expect(await waiting).toEqual([{ id: 7 }]);
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE, NOBODY_IN_SCOPE]);
  });

  it('leave the connection to those who wait for it, however many more of them come', async () => {
    const door1 = await door();
    const reading = { goesOn: true };
    const reader = async () => {
      while (reading.goesOn) await sharing(door1, b, 'SELECT 1');
    };
    const readers = [reader(), reader(), reader()];
    await door1.run(a, () => door1.notes.insert({ id: 1 }));
    reading.goesOn = false;
    await Promise.all(readers);
    expect(await ids(a)).toEqual([1]);
  });

  it('are unavailable when their connection is ended under them, and the pool recovers', async () => {
    const door1 = await door();
    const acquired = once(door1.pool, 'acquire') as Promise<[Backend]>;
    const sleeping = Array.from({ length: 5 }, () => fault(sharing(door1, a, 'SELECT pg_sleep(30)')));
    const [{ processID }] = await acquired;
    await untilFound(`SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND pid = $1`, [processID]);
    await admin.query('SELECT pg_terminate_backend($1)', [processID]);
    expect((await Promise.all(sleeping)).map(isUnavailable)).toEqual(sleeping.map(() => true));
    expect(await sharing(door1, a, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
  });

  it('are unavailable where there is no connection to be had', async () => {
    const door1 = await door();
    (await door1.pool.connect()).release(true); // the one it has
    const before = { ...door1.pool.options };
    const nowhere = Object.assign(new URL(database.appUrl), { port: '1' }).href;
    Object.assign(door1.pool.options, { connectionString: nowhere });
    const outcomes = await Promise.all(Array.from({ length: 3 }, () => fault(sharing(door1, a, 'SELECT 1'))));
    expect(outcomes.map(isUnavailable)).toEqual([true, true, true]);
    Object.assign(door1.pool.options, before);
    expect(await sharing(door1, a, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });
});

describe.each([1, 10])('3,000 single statements of five tenants on a pool of %i', (poolSize) => {
  it('see and write only what is their own, whatever fails, and leave no trace on the connections', async () => {
    const tenants: Scope[] = [];
    for (const name of ['v', 'w', 'x', 'y', 'z']) tenants.push(await tenant(`${name}${poolSize}`));
    const door1 = await door(poolSize);
    const kept = new Map(tenants.map((scope) => [scope, [] as number[]]));
    let foreign = 0;
    let seed = 1;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below; // minstd: the same run every time

    const FAILING = ['SELECT 1/0', 'SELECT nonsense', 'INSERT INTO note (id) VALUES (-1), (-1)', 'SELECT * FROM gone'];
    const works = Array.from({ length: 3_000 }, async (_work, id) => {
      const scope = tenants[random(tenants.length)];
      const how = { prepare: random(2) === 0, share: random(2) === 0 };
      const text = scope.tenant.schema;
      switch (random(5)) {
        case 0:
          return fault(single(door1, scope, FAILING[random(FAILING.length)], [], how));
        case 1:
          return fault(single(door1, as(scope, { role: 'gone' }), 'SELECT 1', [], how));
        case 2:
          kept.get(scope)!.push(id);
          return single(door1, scope, INSERT, [id, text], how);
        case 3: // the long way, between the short ones
          kept.get(scope)!.push(id);
          return door1.run(scope, () => door1.notes.insert({ id, text }));
        default:
          for (const row of await single<{ text: string }>(door1, scope, 'SELECT DISTINCT text FROM note', [], how))
            if (row.text !== text) foreign++;
      }
    });
    await Promise.all(works);

    expect(foreign).toBe(0);
    for (const scope of tenants) expect(await ids(scope)).toEqual(kept.get(scope));
    expect(await atRest(door1)).toEqual(Array.from({ length: poolSize }, () => NOBODY_IN_SCOPE));
  });
});
