import { isUnavailable, postgresError } from './database-errors';
import { currentScope, currentUnit, NoTenantInScope, Scope } from './scope';
import {
  a,
  admin,
  atRest,
  b,
  backend,
  database,
  Door,
  door,
  ids,
  NOBODY_IN_SCOPE,
  Note,
  stored,
  tenant,
  untilFound,
  usePremises,
} from './test/premises';

usePremises();

const fail = (): never => {
  throw new Error('mine');
};

describe('UnitOfWork.run', () => {
  it('begins no transaction and takes no connection before the first query', async () => {
    const { run, notes, pool, statements } = await door();
    let taken = 0;
    pool.on('acquire', () => taken++);
    await run(a, async () => notes.create({ id: 1 }));
    expect([taken, statements]).toEqual([0, []]);

    await run(a, async () => {
      await notes.find();
      expect(statements).toEqual(['START TRANSACTION', expect.stringMatching(/^SELECT/)]);
      await notes.countBy({ id: 1 });
    });
    expect(taken).toBe(1);
    expect(statements).toHaveLength(4);
    expect(statements.at(-1)).toBe('COMMIT');
  });

  it('tells triggers on whose behalf it works, however that is spelt', async () => {
    const { run, notes } = await door();
    const scope = { ...a, actor: `o'hara\\"; SELECT 1`, requestId: '1' };
    const [whose] = await run(scope, () =>
      notes.query(`SELECT current_setting('app.actor') AS actor, current_setting('app.request_id') AS "requestId"`),
    );
    expect(whose).toEqual({ actor: scope.actor, requestId: '1' });
  });

  it('keeps everything when the work ends well, and gives its result', async () => {
    const { run, notes } = await door();
    const result = await run(a, async () => {
      await notes.insert({ id: 1 });
      await notes.insert({ id: 2 });
      expect(await ids(a)).toEqual([]); // not yet, for others
      return 'done';
    });
    expect(result).toBe('done');
    expect(await ids(a)).toEqual([1, 2]);
  });

  it('keeps nothing when the work throws', async () => {
    const { run, notes } = await door();
    await expect(
      run(a, async () => {
        await notes.insert({ id: 1 });
        await notes.insert({ id: 2 });
        fail();
      }),
    ).rejects.toThrow('mine');
    expect(await ids(a)).toEqual([]);
  });

  it('says so, instead of keeping nothing in silence, when the work hides that a statement failed', async () => {
    const { run, notes } = await door();
    const hiding = run(a, async () => {
      await notes.insert({ id: 1 });
      await notes.insert({ id: 1 }).catch(() => undefined);
    });
    await expect(hiding).rejects.toThrow(/A statement of this transaction failed .*attempt/);
    expect(await ids(a)).toEqual([]);
  });

  it('joins a running unit of the same tenant', async () => {
    const { run, notes, statements } = await door();
    const nested = (work: () => Promise<unknown>) => run(a, () => run(a, work));
    await nested(async () => {
      await notes.insert({ id: 1 });
      await run(a, () => notes.insert({ id: 2 }));
    });
    expect(statements.filter((text) => !text.startsWith('INSERT'))).toEqual(['START TRANSACTION', 'COMMIT']);

    const failing = run(a, async () => {
      await run(a, () => notes.insert({ id: 3 }));
      fail();
    });
    await expect(failing).rejects.toThrow('mine');
    expect(await ids(a)).toEqual([1, 2]);
  });

  it('refuses to hold a unit of another tenant', async () => {
    const { run, notes } = await door(2);
    let entered = false;
    const nested = run(a, async () => {
      await notes.insert({ id: 1 });
      await run(b, async () => (entered = true));
    });
    await expect(nested).rejects.toThrow('A unit of work of tenant a cannot hold one of b.');
    expect(entered).toBe(false);
    expect([await ids(a), await ids(b)]).toEqual([[], []]);
  });

  it('lets nothing of tenant data be reached outside of it', async () => {
    const { notes, dataSource } = await door();
    const ways: (() => unknown)[] = [
      () => notes.find(),
      () => notes.save({ id: 1 }),
      () => notes.insert({ id: 1 }),
      () => notes.delete({ id: 1 }),
      () => notes.count(),
      () => notes.query('SELECT 1'),
      () => notes.createQueryBuilder('note').getMany(),
      () => notes.manager.transaction(async () => undefined),
      () => dataSource.getRepository(Note).findOneBy({ id: 1 }),
    ];
    for (const way of ways) {
      await expect((async () => way())()).rejects.toThrow(NoTenantInScope);
      await expect((async () => way())()).rejects.toThrow('no tenant in scope');
    }
    // What goes past the repositories finds no table.
    for (const way of [() => dataSource.manager.find(Note), () => dataSource.query('SELECT * FROM note')]) {
      await expect(way()).rejects.toMatchObject({ code: '42P01' });
    }
  });

  it('is followed by everything a plain repository does', async () => {
    const { run, notes, dataSource } = await door();
    await run(a, async () => {
      const saved = await notes.save({ id: 1, text: 'saved' });
      await notes.save({ ...saved, text: 'saved again' });
      await notes.insert([{ id: 2 }, { id: 3 }, { id: 4 }]);
      await notes.update({ id: 2 }, { text: 'updated' });
      await notes.delete({ id: 3 });
      await notes.remove(await notes.findOneByOrFail({ id: 4 }));
      await notes.increment({ id: 2 }, 'count', 5);
      await notes.upsert({ id: 1, count: 7 }, ['id']);
      await notes.createQueryBuilder().insert().values({ id: 5 }).execute();
      await notes.createQueryBuilder().update().set({ text: 'built' }).where({ id: 5 }).execute();
      await notes.manager.getRepository(Note).insert({ id: 6 });
      await dataSource.getRepository(Note).insert({ id: 7 });
      await notes.query('INSERT INTO note (id) VALUES (8)');
      expect(await notes.createQueryBuilder('n').where('n.id > 5').getCount()).toBe(3);
      expect(await notes.findAndCount({ where: { text: 'updated' } })).toMatchObject([[{ id: 2 }], 1]);
      expect(await ids(a)).toEqual([]);
    });
    expect(await stored(a)).toEqual([
      { id: 1, text: 'saved again', count: 7 },
      { id: 2, text: 'updated', count: 5 },
      { id: 5, text: 'built', count: 0 },
      ...[6, 7, 8].map((id) => ({ id, text: '', count: 0 })),
    ]);
    expect(await ids(b)).toEqual([]);
  });

  it("makes TypeORM's own transactions savepoints in it", async () => {
    const { run, notes, statements } = await door();
    await run(a, async () => {
      await notes.insert({ id: 1 });
      await notes.manager.transaction(async (manager) => {
        await manager.insert(Note, { id: 2 });
        await manager
          .transaction(async (inner) => {
            await inner.insert(Note, { id: 3 });
            fail();
          })
          .catch(() => undefined);
        await manager.insert(Note, { id: 4 });
      });
      await expect(notes.manager.transaction(() => notes.insert({ id: 4 }))).rejects.toMatchObject({ code: '23505' });
      await notes.insert({ id: 5 });
      expect(await ids(a)).toEqual([]);
    });
    expect(await ids(a)).toEqual([1, 2, 4, 5]);
    expect(statements.filter((text) => /^(START|COMMIT|ROLLBACK$)/.test(text))).toEqual([
      'START TRANSACTION',
      'COMMIT',
    ]);
  });

  it('undoes what a transaction in it kept, when it fails itself', async () => {
    const { run, notes } = await door();
    const failing = run(a, async () => {
      await notes.manager.transaction((manager) => manager.insert(Note, { id: 1 }));
      fail();
    });
    await expect(failing).rejects.toThrow('mine');
    expect(await ids(a)).toEqual([]);
  });

  it('works for tenants whose names must be quoted', async () => {
    const { run, notes } = await door();
    const odd = await tenant('odd', `${database.names.prefix}O"d; d'`);
    await run(odd, () => notes.insert({ id: 1 }));
    expect(await ids(odd)).toEqual([1]);
  });

  it('has one instant, however long it takes', async () => {
    const { run, notes } = await door();
    const seen: Date[] = [];
    await run(a, async () => {
      const before = currentUnit().now.getTime();
      seen.push(currentUnit().now);
      await notes.query('SELECT pg_sleep(0.01)');
      await run(a, async () => seen.push(currentUnit().now));
      await currentUnit().attempt(async () => seen.push(currentUnit().now));
      expect(Date.now()).toBeGreaterThan(before);
    });
    expect(new Set(seen.map(Number)).size).toBe(1);
    await run(a, async () => expect(Number(currentUnit().now)).toBeGreaterThan(Number(seen[0])));
  });

  it('refuses what arrives after its end, and lets it change nothing', async () => {
    const door1 = await door();
    const { run, notes } = door1;
    const gate = Promise.withResolvers<void>();
    const late: Promise<unknown>[] = [];
    await run(a, async () => {
      await notes.insert({ id: 1 });
      late.push(gate.promise.then(() => notes.insert({ id: 2 })));
      late.push(gate.promise.then(() => run(a, () => notes.insert({ id: 3 }))));
    });
    gate.resolve();
    for (const promise of late) await expect(promise).rejects.toThrow(/unit of work is over/);
    expect(await ids(a)).toEqual([1]);
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
  });

  it('is not kept while a part of it is still running', async () => {
    const door1 = await door();
    const { run, notes } = door1;
    const gate = Promise.withResolvers<void>();
    let part: Promise<unknown>;
    const hasty = run(a, async () => {
      await notes.insert({ id: 1 });
      const inside = Promise.withResolvers<void>();
      part = notes.manager.transaction(async (manager) => {
        await manager.insert(Note, { id: 2 });
        inside.resolve();
        await gate.promise;
        await manager.insert(Note, { id: 3 });
      });
      await inside.promise;
    });
    await expect(hasty).rejects.toThrow(/await everything/);
    gate.resolve();
    await expect(part!).rejects.toThrow(/unit of work is over/);
    expect(await ids(a)).toEqual([]);
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
  });

  it('undoes what runs beside the part of it that fails', async () => {
    const door1 = await door();
    const { run, notes } = door1;
    const beside = async () => {
      for (let id = 1; id <= 20; id++) await notes.insert({ id });
    };
    let sibling: Promise<void>;
    const failing = run(a, () => Promise.all([(sibling = beside()), notes.query('SELECT 1/0')]));
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    await expect(sibling!).rejects.toThrow();
    expect(await ids(a)).toEqual([]);
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
  });
});

describe('Unit.keepNothing', () => {
  it('answers as if all went well and leaves nothing', async () => {
    const { run, notes } = await door();
    const found = await run(a, async () => {
      currentUnit().keepNothing();
      await notes.insert({ id: 1 });
      return notes.find();
    });
    expect(found).toMatchObject([{ id: 1 }]);
    expect(await ids(a)).toEqual([]);
  });
});

describe('Unit.startOver', () => {
  it('undoes what the unit did, gives its connection back, and lets it begin anew', async () => {
    const { run, notes, pool } = await door();
    await run(a, async () => {
      await notes.insert({ id: 1 });
      await currentUnit().startOver();
      expect(pool.idleCount).toBe(1);
      await notes.insert({ id: 2 });
      await notes.manager.insert(Note, { id: 3 });
    });
    expect(await ids(a)).toEqual([2, 3]);
  });
});

describe('Unit.attempt', () => {
  it.each([
    ['at the beginning', [] as number[]],
    ['after earlier statements', [1]],
  ])('undoes only what failed in it, %s', async (_when, earlier) => {
    const { run, notes } = await door();
    await run(a, async () => {
      for (const id of earlier) await notes.insert({ id });
      const failing = currentUnit().attempt(async () => {
        await notes.insert({ id: 2 });
        await currentUnit()
          .attempt(() => notes.query('SELECT 1/0'))
          .catch(() => undefined);
        await notes.insert({ id: 3 });
        await notes.insert({ id: 3 });
      });
      await expect(failing).rejects.toMatchObject({ code: '23505' });
      await currentUnit().attempt(() => notes.insert({ id: 4 }));
      await notes.insert({ id: 5 });
    });
    expect(await ids(a)).toEqual([...earlier, 4, 5]);
  });

  it.each([
    ['at the beginning', false],
    ['after earlier statements, which stay', true],
  ])('runs work that lost a deadlock again, %s', async (_when, hasEarlier) => {
    const { run, notes } = await door(2);
    await run(a, () => notes.insert([{ id: 1 }, { id: 2 }]));
    const add = (id: number) => notes.increment({ id }, 'count', 1);
    const [hasFirst, hasSecond] = [Promise.withResolvers<number>(), Promise.withResolvers<void>()];
    let runs = 0;

    const loser = run(a, async () => {
      if (hasEarlier) await notes.insert({ id: 3 });
      const { now } = currentUnit();
      await currentUnit().attempt(async () => {
        runs++;
        expect(currentUnit().now).toBe(now);
        await add(1);
        hasFirst.resolve(await backend());
        await hasSecond.promise;
        await add(2);
      });
    });
    const winner = run(a, () =>
      currentUnit().attempt(async () => {
        const isAgain = runs++ === 2;
        await add(2);
        const pid = await hasFirst.promise;
        hasSecond.resolve();
        if (!isAgain)
          await untilFound(`SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'`, [pid]);
        await add(1); // who waits the longest finds the deadlock, and loses: the other, unless the machine is very slow
      }),
    );
    await Promise.all([loser, winner]);

    expect(runs).toBe(3);
    const rows = await stored(a);
    expect(rows.map(({ id, count }) => [id, count])).toEqual([[1, 2], [2, 2], ...(hasEarlier ? [[3, 0]] : [])]);
  });

  it('gives up on work that always loses', async () => {
    const { run, notes } = await door();
    let runs = 0;
    const losing = run(a, () =>
      currentUnit().attempt(async () => {
        runs++;
        await notes.query(`DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$`);
      }),
    );
    await expect(losing).rejects.toMatchObject({ code: '40001' });
    expect(runs).toBe(3);
  });
});

describe.each([1, 3])('200 units of five tenants at once on a pool of %i', (poolSize) => {
  let tenants: Scope[];
  beforeAll(async () => {
    tenants = [];
    for (const name of ['v', 'w', 'x', 'y', 'z']) tenants.push(await tenant(`${name}${poolSize}`));
  });

  it('see and write only what is their own, whatever fails, and leave no trace on the connections', async () => {
    const door1 = await door(poolSize);
    const { run, notes, dataSource } = door1;
    const kept = new Map(tenants.map((scope) => [scope, [] as number[]]));
    let foreign = 0;

    const look = async (text: string) => {
      for (const note of await notes.find()) if (note.text !== text) foreign++;
    };
    // What may go wrong in a unit, each in its turn.
    const mishaps: ((id: number, text: string) => Promise<unknown>)[] = [
      async () => undefined,
      async () => fail(),
      (id, text) => notes.insert({ id, text }),
      () => notes.query('SELECT 1/0'),
      async (id, text) => {
        await currentUnit()
          .attempt(() => notes.insert({ id, text }))
          .catch(() => undefined);
      },
      (id, text) => Promise.all([notes.query('SELECT nonsense'), look(text), notes.save({ id: id + 1_000, text })]),
      (_id, text) =>
        notes.manager.transaction(async (manager) => {
          for (const note of await manager.find(Note)) if (note.text !== text) foreign++;
        }),
      async () => currentUnit().keepNothing(),
    ];
    const keeping = [0, 4, 6];

    const outsiders: Promise<object[]>[] = [];
    const units = Array.from({ length: 200 }, (_unit, id) => {
      const scope = tenants[(id * 7) % tenants.length];
      const mishap = (id * 11) % mishaps.length;
      const text = scope.tenant.schema;
      if (id % 5 === 0)
        outsiders.push(dataSource.query(`SELECT current_user AS login, current_setting('search_path') AS path`));
      if (keeping.includes(mishap)) kept.get(scope)!.push(id);
      return run(scope, async () => {
        if (id % 3 === 0) await look(text);
        await notes.insert({ id, text });
        if (id % 4 === 0) await new Promise(setImmediate);
        await mishaps[mishap](id, text);
        await look(text);
        expect(currentScope()).toBe(scope);
      });
    });
    const results = await Promise.allSettled(units);

    expect(foreign).toBe(0);
    for (const scope of tenants) expect(await ids(scope)).toEqual(kept.get(scope));
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(100);
    const { login, path } = NOBODY_IN_SCOPE;
    expect((await Promise.all(outsiders)).flat()).toEqual(Array.from({ length: 40 }, () => ({ login, path })));
    expect(await atRest(door1)).toEqual(Array.from({ length: poolSize }, () => NOBODY_IN_SCOPE));
  });
});

describe('A unit whose connection ends under it', () => {
  const kill = (pid: number) => admin.query('SELECT pg_terminate_backend($1, 5000)', [pid]);

  const ENDS: [string, (door: Door) => Promise<unknown>][] = [
    [
      'while a statement runs',
      async ({ notes }) => {
        const pid = await backend();
        const [error] = await Promise.all([notes.query('SELECT pg_sleep(30)').catch((reason) => reason), kill(pid)]);
        throw error;
      },
    ],
    ['between two statements', async () => kill(await backend())],
    [
      'unnoticed for a while',
      async ({ pool }) => {
        const ended = new Promise((resolve) => pool.once('remove', resolve));
        await kill(await backend());
        await ended;
      },
    ],
    [
      'in an attempt',
      async ({ notes }) =>
        currentUnit().attempt(async () => {
          await kill(await backend());
          await notes.insert({ id: 2 });
        }),
    ],
  ];

  it.each(ENDS)('fails as unavailable, leaves nothing, and the pool recovers: %s', async (_when, end) => {
    const door1 = await door();
    const { run, notes } = door1;
    for (const next of [() => notes.insert({ id: 3 }), () => notes.query('INSERT INTO note (id) VALUES (3)')]) {
      const error = await run(a, async () => {
        await notes.insert({ id: 1 });
        await end(door1);
        await next();
      }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect([isUnavailable(error), error]).toEqual([true, error]);
    }
    expect(await ids(a)).toEqual([]);

    await run(a, () => notes.insert({ id: 4 }));
    expect(await ids(a)).toEqual([4]);
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
  });

  it('says so at its end, where no statement found out', async () => {
    const { run, notes, pool } = await door();
    const ended = new Promise((resolve) => pool.once('remove', resolve));
    const error = await run(a, async () => {
      await notes.insert({ id: 1 });
      await kill(await backend());
      await ended;
    }).catch((reason: unknown) => reason);
    expect(isUnavailable(error)).toBe(true);
    expect(await ids(a)).toEqual([]);
  });
});

describe('A unit that cannot begin', () => {
  it('harms no other: a tenant whose role or schema is gone is its own problem', async () => {
    const door1 = await door();
    const { run, notes } = door1;
    const gone: Scope = { ...a, tenant: { ...a.tenant, id: 'gone', role: 'no_such_role' } };
    const error = await run(gone, () => notes.find()).catch((reason: unknown) => reason);
    expect(postgresError(error)?.code).toBe('22023');
    await expect(run(gone, () => currentUnit().attempt(() => notes.find()))).rejects.toMatchObject({ code: '22023' });

    await run(b, () => notes.insert({ id: 1 }));
    expect(await ids(b)).toEqual([1]);
    expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
  });

  it('does not pretend that a part of it could have an isolation level of its own', async () => {
    const { run, notes } = await door();
    await expect(run(a, () => notes.manager.transaction('SERIALIZABLE', () => notes.find()))).rejects.toThrow(
      'is a savepoint, and cannot have an isolation level',
    );
  });

  it('cannot take a role that was never given to the application', async () => {
    const { run, notes } = await door();
    const owner: Scope = { ...a, tenant: { ...a.tenant, role: database.names.owner } };
    await expect(run(owner, () => notes.find())).rejects.toMatchObject({ code: '42501' });
    await run(a, () => notes.insert({ id: 1 }));
  });
});
