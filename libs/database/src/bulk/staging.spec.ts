import { AsyncLocalStorage } from 'node:async_hooks';
import { Column, DeepPartial, Entity, In, ManyToOne, Repository, Unique } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { until } from '@app/testing';
import { BaseEntity, SoftDeleteEntity, UniqueWhileLive } from '../base.entity';
import { isDataError } from '../database-errors';
import { currentUnit } from '../scope';
import { EntitySql, Row } from './entity-sql';
import { StagedRow, Staging } from './staging';
import {
  AWKWARD,
  business,
  casesOf,
  FULL,
  Mood,
  openSpecimens,
  Plain,
  Rich,
  Specimen,
  SpecimenTables,
  Values,
} from './test/specimens';

@Entity()
@UniqueWhileLive('uc_Ghost_Name', ['name'])
class Ghost extends SoftDeleteEntity {
  @Column('text') name: string;
  @Column('text', { nullable: true }) note: string | null;
}

@Entity()
@Unique('uc_Part_Label', ['label'])
@Unique('uc_Part_Code_PlainId', ['code', 'plainId'])
class Part extends BaseEntity {
  @Column('text') label: string;
  @Column('int', { nullable: true }) code: number | null;
  @Column('text') required: string;
  @Column('varchar', { length: 5, default: 'none' }) short: string;
  @Column('numeric', { precision: 4, scale: 2, nullable: true }) weight: string | null;
  @Column('enum', { enum: Mood, nullable: true }) mood: Mood | null;
  @Column('timestamptz', { nullable: true }) made: Date | null;
  @Column('int', { array: true, nullable: true }) sizes: number[] | null;
  @Column('uuid', { nullable: true }) plainId: string | null;
  @ManyToOne(() => Plain) plain: Plain;
  @Column('uuid', { nullable: true }) ghostId: string | null;
  @ManyToOne(() => Ghost) ghost: Ghost;
}

let tables: SpecimenTables;
beforeAll(async () => {
  tables = await openSpecimens([Plain, Rich, Ghost, Part]);
});
afterAll(() => tables?.close());

const inUnit = <T>(work: () => Promise<T>): Promise<T> => tables.inUnit(work);
/** Runs `work` as if no unit of work were running. */
const outside = AsyncLocalStorage.snapshot();
const sqlOf = (kind: typeof BaseEntity): EntitySql => new EntitySql(tables.dataSource.getMetadata(kind));

/** The rows as a file has them: after a header, in batches. */
async function* fileOf(rows: Row[], perBatch = 3): AsyncGenerator<StagedRow[]> {
  for (let start = 0; start < rows.length; start += perBatch) {
    yield rows.slice(start, start + perBatch).map((row, index) => ({ line: start + index + 2, row }));
  }
}
const fill = (kind: typeof BaseEntity, rows: Row[], named?: number): Promise<Staging> =>
  Staging.fill(sqlOf(kind), fileOf(rows), named);

/** Until another unit waits for the running one. */
async function untilOneWaits(): Promise<void> {
  const waiting = 'SELECT FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid';
  await until(async () => (await currentUnit().manager.query(waiting)).length);
}

describe.each([Plain, Rich])('Staging of %p', (Kind) => {
  const full = FULL.get(Kind)!;
  let repository: Repository<Specimen>;
  beforeAll(() => {
    repository = tables.dataSource.getRepository<Specimen>(Kind);
  });

  let n = 0;
  const row = (values: Values = {}): Row => ({ id: uuidv7(), label: `staged ${++n} ${AWKWARD}`, ...values });
  const insert = (...rows: Row[]): Promise<number> => inUnit(async () => (await fill(Kind, rows)).insert());
  const upsert = (...rows: Row[]): ReturnType<Staging['upsert']> =>
    inUnit(async () => {
      const staging = await fill(Kind, rows);
      await staging.twins(['label']);
      return staging.upsert(['label']);
    });
  const read = (id: string): Promise<Specimen> => inUnit(() => repository.findOneByOrFail({ id }));
  /** What TypeORM itself makes of the same values. */
  const saved = async (values: Values): Promise<Specimen> => {
    const { id } = await inUnit(() => repository.save(repository.create(row(values) as DeepPartial<Specimen>)));
    return read(id);
  };

  it.each(casesOf(Kind))('stores %s as TypeORM does', async (_what, values) => {
    const given = row(values);
    expect(await insert(given)).toBe(1);
    const found = await read(given.id);
    expect(found.label).toBe(given.label);
    expect(business(found)).toEqual(business(await saved(values)));
  });

  it.each(casesOf(Kind))('finds nothing wrong with %s', async (_what, values) => {
    await inUnit(async () => {
      const staging = await fill(Kind, [row(values)]);
      expect(await staging.invalid()).toEqual({ count: 0, first: [] });
      expect(await staging.lacking()).toEqual({ count: 0, first: [] });
      expect(staging.size).toBe(1);
    });
  });

  it.each(casesOf(Kind))('sees that writing %s again changes nothing', async (_what, values) => {
    const given = row(values);
    await insert(given);
    const before = await read(given.id);
    expect(await upsert({ ...given, id: uuidv7() })).toEqual({ created: 0, updated: 0, unchanged: 1 });
    expect(await read(given.id)).toEqual(before);
  });

  it('fills what is omitted with the default, and stores null where null is given', async () => {
    const given = row({ whole: null });
    await insert(given);
    expect(await read(given.id)).toMatchObject({
      whole: null,
      withText: 'brand new',
      withNumber: 7,
      withFlag: true,
      withMood: Mood.Sad,
      withExpression: new Date('2001-02-03T04:05:06Z'),
      version: 1,
    });
  });

  it('changes each column alone and leaves all others alone', async () => {
    const names = Object.keys(full);
    const rows = names.map(() => row(full));
    await insert(...rows);
    const before = await Promise.all(rows.map(({ id }) => read(id)));
    const another = await saved({});
    const fresh = (name: string) => (name.startsWith('with') ? Reflect.get(another, name) : null);

    const changes = names.map((name, index) => ({ id: uuidv7(), label: rows[index].label, [name]: fresh(name) }));
    expect(await upsert(...changes)).toEqual({ created: 0, updated: names.length, unchanged: 0 });
    for (const [index, name] of names.entries()) {
      const after = await read(rows[index].id);
      expect({ ...after }).toEqual({
        ...before[index],
        [name]: fresh(name),
        version: 2,
        updatedAt: after.updatedAt,
      });
      expect(after.updatedAt.getTime()).toBeGreaterThan(before[index].updatedAt.getTime());
    }
  });
});

describe('Staging', () => {
  let n = 0;
  const part = (values: Values = {}): Row => ({ id: uuidv7(), label: `part ${++n}`, required: 'given', ...values });
  const parts = (): Repository<Part> => tables.dataSource.getRepository(Part);
  const store = (...rows: Row[]): Promise<number> => inUnit(async () => (await fill(Part, rows)).insert());
  const ghosts = (...values: Partial<Ghost>[]): Promise<string[]> =>
    inUnit(async () => {
      const repository = tables.dataSource.getRepository(Ghost);
      const stored = await repository.save(values.map((value) => repository.create({ id: uuidv7(), ...value })));
      return stored.map(({ id }) => id);
    });
  const plain = async (): Promise<string> => {
    const row: Row = { id: uuidv7(), label: `for a part ${++n}` };
    await inUnit(async () => (await fill(Plain, [row])).insert());
    return row.id;
  };

  it('takes 100,000 rows, and then the same again', async () => {
    const rows = (): Row[] =>
      Array.from({ length: 100_000 }, (_row, index) => part({ label: `of many ${index}`, code: index }));
    await inUnit(async () => {
      const staging = await Staging.fill(sqlOf(Part), fileOf(rows(), 1_000));
      expect(staging.size).toBe(100_000);
      expect(await staging.insert()).toBe(100_000);
      const again = await Staging.fill(sqlOf(Part), fileOf([...rows(), part()], 1_000));
      expect(await again.twins(['label'])).toEqual({ count: 0, first: [] });
      expect(await again.upsert(['label'])).toEqual({ created: 1, updated: 0, unchanged: 100_000 });
      const [sums] = await currentUnit().manager.query(
        `SELECT count(*)::int AS n, sum(code)::bigint AS codes, max(version) AS version FROM part WHERE label LIKE 'of many %'`,
      );
      expect(sums).toEqual({ n: 100_000, codes: '4999950000', version: 1 });
      currentUnit().keepNothing();
    });
  });

  it('gives the rows of one file one instant, and the ids they came with', async () => {
    const rows = [part(), part()];
    await inUnit(async () => {
      await (await fill(Part, rows)).insert();
      for (const { id } of rows) {
        const { now } = currentUnit();
        expect(await parts().findOneBy({ id })).toMatchObject({ createdAt: now, updatedAt: now, version: 1 });
      }
    });
  });

  it('takes nothing from an empty file', async () => {
    async function* empty(): AsyncGenerator<StagedRow[]> {
      yield [];
    }
    await inUnit(async () => {
      const staging = await Staging.fill(sqlOf(Part), empty());
      expect(await staging.twins(['label'])).toEqual({ count: 0, first: [] });
      expect(await staging.insert()).toBe(0);
      expect(await staging.upsert(['label'])).toEqual({ created: 0, updated: 0, unchanged: 0 });
    });
  });

  it('holds two files in one unit, of one entity as well as of two', async () => {
    await inUnit(async () => {
      const staged = [await fill(Part, [part()]), await fill(Part, [part(), part()])];
      const plains = await fill(Plain, [{ id: uuidv7(), label: `beside parts ${++n}` }]);
      expect(await Promise.all(staged.map((staging) => staging.insert()))).toEqual([1, 2]);
      expect(await plains.insert()).toBe(1);
    });
  });

  describe('checks', () => {
    it('take out what a column cannot hold, and say which columns', async () => {
      const rows = [
        part(),
        part({ code: 2 ** 31, weight: '100' }),
        part({ code: 'seven' }),
        part({ short: 'longer' }),
        part({ mood: 'angry' }),
        part({ plainId: 'nobody' }),
        part({ sizes: [1, 2 ** 40] }),
        part({ code: 2 ** 31 - 1, weight: '99.99', short: 'fits ', mood: Mood.Sad, sizes: [] }),
      ];
      await inUnit(async () => {
        const staging = await fill(Part, rows);
        const reason: unknown = await currentUnit()
          .attempt(() => staging.insert())
          .catch((error: unknown) => error);
        expect(isDataError(reason)).toBe(true);
        expect(await staging.invalid()).toEqual({
          count: 6,
          first: [
            { line: 3, properties: ['code', 'weight'] },
            { line: 4, properties: ['code'] },
            { line: 5, properties: ['short'] },
            { line: 6, properties: ['mood'] },
            { line: 7, properties: ['plainId'] },
            { line: 8, properties: ['sizes'] },
          ],
        });
        expect(staging.size).toBe(2);
        expect(await staging.insert()).toBe(2);
      });
    });

    it('take out later rows with the key of an earlier one, and name that', async () => {
      const plainId = await plain();
      const [first, second] = [part({ code: 1, plainId }), part({ code: null, plainId })];
      const rows = [
        first,
        second,
        part({ label: first.label }),
        part({ label: second.label }),
        part({ label: first.label }),
        part({ code: 1, plainId: plainId.toUpperCase() }),
        part({ code: null, plainId }),
        part({ code: 1, plainId: null }),
        part({ code: 1 }),
      ];
      await inUnit(async () => {
        const staging = await fill(Part, rows);
        expect(await staging.twins(['label'])).toEqual({
          count: 3,
          first: [
            { line: 4, twin: 2 },
            { line: 5, twin: 3 },
            { line: 6, twin: 2 },
          ],
        });
        expect(await staging.twins(['code', 'plainId'])).toEqual({ count: 1, first: [{ line: 7, twin: 2 }] });
        expect(await staging.insert()).toBe(5);
      });
    });

    it('take out rows whose key another record has', async () => {
      const plainId = await plain();
      const there = part({ code: 1, plainId });
      await store(there);
      await inUnit(async () => {
        const staging = await fill(Part, [
          part(),
          part({ label: there.label }),
          part({ code: 1, plainId }),
          part({ code: 1 }),
        ]);
        expect(await staging.taken(['label'])).toEqual({ count: 1, first: [{ line: 3 }] });
        expect(await staging.taken(['code', 'plainId'])).toEqual({ count: 1, first: [{ line: 4 }] });
        expect(await staging.insert()).toBe(2);
      });
    });

    it('leave a row of an upsert alone that has a key of its own record', async () => {
      const plainId = await plain();
      const [mine, other] = [part({ code: 1, plainId }), part({ code: 2, plainId })];
      await store(mine, other);
      await inUnit(async () => {
        const staging = await fill(Part, [
          { ...mine, id: uuidv7(), required: 'changed' },
          { ...other, id: uuidv7(), code: 1 },
          part({ code: 2, plainId }),
        ]);
        await staging.twins(['label']);
        expect(await staging.taken(['code', 'plainId'], ['label'])).toEqual({
          count: 2,
          first: [{ line: 3 }, { line: 4 }],
        });
        expect(await staging.upsert(['label'])).toEqual({ created: 0, updated: 1, unchanged: 0 });
      });
    });

    it('take out rows that refer to no record', async () => {
      const plainId = await plain();
      await inUnit(async () => {
        const staging = await fill(Part, [part({ plainId }), part({ plainId: uuidv7() }), part({ plainId: null })]);
        expect(await staging.dangling(['plainId'])).toEqual({ count: 1, first: [{ line: 3 }] });
        expect(await staging.insert()).toBe(2);
      });
    });

    it('take out rows that would refer to a deleted record, unless their own does so already', async () => {
      const [dead, live] = await ghosts({ name: 'a', deletedAt: new Date() }, { name: 'b' });
      const there = part({ ghostId: dead });
      await store(there);
      await inUnit(async () => {
        const staging = await fill(Part, [
          part({ ghostId: live }),
          part({ ghostId: dead }),
          part(),
          { ...there, id: uuidv7() },
          { ...there, id: uuidv7(), ghostId: live },
        ]);
        expect(await staging.deadReferences(['ghostId'], ['label'])).toEqual({ count: 1, first: [{ line: 3 }] });
      });
    });

    it('take out new rows that lack what every record has', async () => {
      const there = part();
      await store(there);
      const without = (values: Values): Row => ({ ...part(), required: undefined, ...values });
      const rows = [part(), without({}), without({ label: there.label }), part({ short: null, required: null })];
      await inUnit(async () => {
        const created = await fill(Part, rows);
        expect(await created.lacking()).toEqual({
          count: 3,
          first: [
            { line: 3, properties: ['required'] },
            { line: 4, properties: ['required'] },
            { line: 5, properties: ['required', 'short'] },
          ],
        });
        const upserted = await fill(Part, rows);
        await upserted.twins(['label']);
        expect((await upserted.lacking(['label'])).first.map(({ line }) => line)).toEqual([3, 5]);
        expect(await upserted.upsert(['label'])).toEqual({ created: 1, updated: 0, unchanged: 1 });
      });
    });

    it('count every bad row and name the first', async () => {
      const rows = Array.from({ length: 250 }, () => part({ plainId: uuidv7() }));
      await inUnit(async () => {
        const { count, first } = await (await fill(Part, rows, 2)).dangling(['plainId']);
        expect(count).toBe(250);
        expect(first).toEqual([{ line: 2 }, { line: 3 }]);
        expect((await (await fill(Part, rows)).dangling(['plainId'])).first).toHaveLength(100);
      });
    });
  });

  describe('upsert', () => {
    it('creates what is new, changes what differs and does not touch the rest', async () => {
      const [changed, same] = [part({ code: 1, weight: '1.50' }), part({ code: 2 })];
      await store(changed, same);
      const before = await inUnit(() => parts().findOneByOrFail({ id: changed.id }));
      const added = part({ code: 3 });

      await inUnit(async () => {
        const staging = await fill(Part, [
          { id: uuidv7(), label: changed.label, code: null },
          { id: uuidv7(), label: same.label, code: 2 },
          added,
        ]);
        await staging.twins(['label']);
        expect(await staging.upsert(['label'])).toEqual({ created: 1, updated: 1, unchanged: 1 });
        const { now } = currentUnit();
        expect(await parts().findOneBy({ label: changed.label })).toEqual({
          ...before,
          code: null,
          version: 2,
          updatedAt: now,
        });
      });
      const after = await inUnit(() => parts().findBy([{ id: same.id }, { id: added.id }]));
      expect(after.map(({ version }) => version)).toEqual([1, 1]);
    });

    it('changes the live record of a key, else revives the last that was deleted, else creates one', async () => {
      const at = (hour: number): Date => new Date(2026, 0, 1, hour);
      const [, last, , mine] = await ghosts(
        { name: 'twice deleted', deletedAt: at(1) },
        { name: 'twice deleted', deletedAt: at(3), note: 'last' },
        { name: 'twice deleted', deletedAt: at(2) },
        { name: 'deleted and live' },
        { name: 'deleted and live', deletedAt: at(1) },
      );
      const names = ['deleted and live', 'twice deleted', 'never seen'];
      const rows = names.map((name) => ({ id: uuidv7(), name }));
      await inUnit(async () => {
        const staging = await fill(Ghost, rows);
        await staging.twins(['name']);
        expect(await staging.upsert(['name'])).toEqual({ created: 1, updated: 1, unchanged: 1 });
        const live = await tables.dataSource.getRepository(Ghost).find({ where: { name: In(names) } });
        expect(live.map(({ id, note, version }) => ({ id, note, version }))).toEqual(
          expect.arrayContaining([
            { id: mine, note: null, version: 1 },
            { id: last, note: 'last', version: 2 },
            { id: rows[2].id, note: null, version: 1 },
          ]),
        );
        expect(live).toHaveLength(3);
      });
    });

    it('refuses to guess which of two rows a record is to become', async () => {
      await inUnit(async () => {
        const staging = await fill(Part, [part()]);
        await expect(staging.upsert(['label'])).rejects.toThrow('Take out the twins of label first.');
      });
    });

    it('locks in the order of the natural key, so that two files do not deadlock', async () => {
      const { label } = part();
      const [low, high] = [`${label} B`, `${label} a`]; // as JavaScript sorts them, and no dictionary
      const rows = [part({ label: high }), part({ label: low })]; // so they lie in the table, so they stand in the file
      await store(...rows);

      let upserting: Promise<unknown> | undefined;
      await inUnit(async () => {
        const { manager } = currentUnit();
        await manager.query('SELECT FROM part WHERE label = $1 FOR NO KEY UPDATE', [low]);
        upserting = outside(() =>
          inUnit(async () => {
            const staging = await fill(
              Part,
              rows.map((row) => ({ ...row, required: 'changed' })),
            );
            await staging.twins(['label']);
            return staging.upsert(['label']);
          }),
        );
        await untilOneWaits();
        await manager.query('SELECT FROM part WHERE label = $1 FOR NO KEY UPDATE NOWAIT', [high]);
      });
      expect(await upserting).toEqual({ created: 0, updated: 2, unchanged: 0 });
    });
  });

  describe('when it fails', () => {
    it('throws what Postgres says of a key that another was faster to take, and can go on without it', async () => {
      const [fast, slow] = [part(), part()];
      await inUnit(async () => {
        const staging = await fill(Part, [part({ label: fast.label }), slow]);
        expect((await staging.taken(['label'])).count).toBe(0);
        await outside(() => store(fast));
        await expect(currentUnit().attempt(() => staging.insert())).rejects.toMatchObject({ code: '23505' });
        expect(await staging.taken(['label'])).toEqual({ count: 1, first: [{ line: 2 }] });
        expect(await staging.insert()).toBe(1);
      });
      expect(await inUnit(() => parts().countBy({ id: slow.id }))).toBe(1);
    });

    it('passes on why a file broke off, and leaves a connection that works', async () => {
      const rows = Array.from({ length: 5_000 }, () => part());
      async function* broken(): AsyncGenerator<StagedRow[]> {
        yield* fileOf(rows, 1_000);
        throw new Error('the client is gone');
      }
      await inUnit(async () => {
        await parts().count();
        const filling = currentUnit().attempt(() => Staging.fill(sqlOf(Part), broken()));
        await expect(filling).rejects.toThrow('the client is gone');
        expect(await (await fill(Part, [part()])).insert()).toBe(1);
      });
    });

    it('throws what Postgres has against the stream, and lets go of the file', async () => {
      let closed = false;
      async function* endless(): AsyncGenerator<StagedRow[]> {
        try {
          for (let line = 0; ; line++) yield [{ line: line === 500 ? NaN : line, row: part() }];
        } finally {
          closed = true;
        }
      }
      await inUnit(async () => {
        await parts().count();
        const filling = currentUnit().attempt(() => Staging.fill(sqlOf(Part), endless()));
        await expect(filling).rejects.toMatchObject({ code: '22P02' });
        expect(closed).toBe(true);
        expect(await (await fill(Part, [part()])).insert()).toBe(1);
      });
    });

    it('tells a file that asks the same unit, instead of waiting for itself', async () => {
      async function* asking(): AsyncGenerator<StagedRow[]> {
        await parts().count();
        yield [];
      }
      await expect(inUnit(() => Staging.fill(sqlOf(Part), asking()))).rejects.toThrow('A COPY of this unit of work');
    });
  });
});
