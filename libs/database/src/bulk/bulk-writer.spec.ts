import { Column, DataSource, DeepPartial, Entity, Repository, Unique, ValueTransformer } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { startApi, TestApi } from '@app/testing';
import { BaseEntity } from '../base.entity';
import { Database } from '../database';
import { DATABASE } from '../database.module';
import { migrationOptions } from '../migrations';
import { currentScope, Scope } from '../scope';
import { ScopedDataSource } from '../scoped-data-source';
import { SnakeNaming } from '../snake-naming';
import { pgWithTenantPool } from '../tenant-pool';
import { UnitOfWork } from '../unit-of-work';
import { BulkWriter } from './bulk-writer';
import { Row } from './entity-sql';

enum Mood {
  Happy = 'happy',
  Sad = 'very sad, "indeed"',
}

/** Euros in the program, cents in the database. */
const cents: ValueTransformer = {
  to: (euros: number | null | undefined) => (euros == null ? euros : Math.round(euros * 100)),
  from: (stored: number | null) => (stored == null ? stored : stored / 100),
};
const boxed: ValueTransformer = {
  to: (value: unknown) => (value == null ? value : { box: value }),
  from: (stored: { box: unknown } | null) => (stored == null ? stored : stored.box),
};

/** One column of each common type. */
abstract class Specimen extends BaseEntity {
  @Column('text') label: string;
  @Column('varchar', { length: 20, nullable: true }) short: string | null;
  @Column('char', { length: 5, nullable: true }) fixed: string | null;
  @Column('int', { nullable: true }) whole: number | null;
  @Column('smallint', { nullable: true }) small: number | null;
  @Column('bigint', { nullable: true }) big: string | null;
  @Column('numeric', { precision: 30, scale: 5, nullable: true }) exact: string | null;
  @Column('double precision', { nullable: true }) float: number | null;
  @Column('boolean', { nullable: true }) flag: boolean | null;
  @Column('date', { nullable: true }) day: string | null;
  @Column('time', { nullable: true }) time: string | null;
  @Column({ type: 'timestamptz', precision: 3, nullable: true }) instant: Date | null;
  @Column({ type: 'timestamp', precision: 3, nullable: true }) wallClock: Date | null;
  @Column('uuid', { nullable: true }) other: string | null;
  @Column('bytea', { nullable: true }) bytes: Buffer | null;
  @Column('enum', { enum: Mood, nullable: true }) mood: Mood | null;
  @Column('int', { transformer: cents, nullable: true }) price: number | null;
  // Words the writer's own SQL might have used for itself.
  @Column('int', { nullable: true }) ord: number | null;
  @Column('boolean', { nullable: true }) present: boolean | null;
  @Column('text', { nullable: true }) order: string | null;

  @Column('text', { default: 'brand new' }) withText: string;
  @Column('int', { default: 7 }) withNumber: number;
  @Column('boolean', { default: true }) withFlag: boolean;
  @Column('enum', { enum: Mood, default: Mood.Sad }) withMood: Mood;
  @Column('timestamptz', { default: () => "timestamptz '2001-02-03T04:05:06Z'" }) withExpression: Date;
}

@Entity()
@Unique('uc_Plain_Label', ['label'])
class Plain extends Specimen {}

@Entity()
@Unique('uc_Rich_Label', ['label'])
class Rich extends Specimen {
  @Column('jsonb', { nullable: true }) document: unknown;
  @Column('json', { nullable: true }) verbatim: unknown;
  @Column('jsonb', { nullable: true, transformer: boxed }) boxed: unknown;
  @Column('text', { array: true, nullable: true }) words: string[] | null;
  @Column('int', { array: true, nullable: true }) numbers: number[] | null;
  @Column('enum', { enum: Mood, array: true, nullable: true }) moods: Mood[] | null;
  @Column('simple-array', { nullable: true }) list: string[] | null;
  @Column('simple-json', { nullable: true }) simple: unknown;
  @Column('jsonb', { default: { made: ['by', 'default'] } }) withDocument: object;
  @Column('text', { array: true, default: ['a', 'b'] }) withWords: string[];
}

type Values = Record<string, unknown>;

const AWKWARD = ` a'b"c\\d{e,f}\n\t%_$1 \u{1f9d9} NULL `;
const FULL: Values = {
  short: 'short',
  fixed: 'abc',
  whole: -2_147_483_648,
  small: 32_767,
  big: '9223372036854775807',
  exact: '1234567890123456789012345.12345',
  float: 1.7976931348623157e308,
  flag: false,
  day: '2026-11-22',
  time: '23:59:59',
  instant: new Date('2026-11-22T12:34:56.789Z'),
  wallClock: new Date('2026-07-01T00:30:00.123Z'),
  other: '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77',
  bytes: Buffer.from([0, 1, 127, 128, 255, 0x5c]),
  mood: Mood.Sad,
  price: 12.34,
  ord: 5,
  present: false,
  order: AWKWARD,
  withText: '',
  withNumber: 0,
  withFlag: false,
  withMood: Mood.Happy,
  withExpression: new Date(0),
};
const RICH: Values = {
  document: { deep: [{ a: null }, [], 'x', 1.5, true], text: AWKWARD, '': {}, constructor: 1 },
  verbatim: [{ b: 1, a: 2 }],
  boxed: { price: 3 },
  words: [AWKWARD, '', 'NULL', '{}'],
  numbers: [1, -1, 0],
  moods: [Mood.Sad, Mood.Happy],
  list: ['x', 'y'],
  simple: { s: [1] },
  withDocument: {},
  withWords: [],
};
const nulls = (values: Values): Values =>
  Object.fromEntries(Object.keys(values).map((key) => [key, key.startsWith('with') ? values[key] : null]));

let api: TestApi;
let dataSource: ScopedDataSource;
let scope: Scope;

beforeAll(async () => {
  api = await startApi();
  scope = await api.inTenant(async () => currentScope()!);
  const database = api.app.get<Database>(DATABASE, { strict: false });
  const tables = new DataSource({
    ...migrationOptions(database, 'tenant', scope.tenant.schema),
    entities: [Plain, Rich],
    migrations: [],
  } as ConstructorParameters<typeof DataSource>[0]);
  await tables.initialize();
  try {
    await tables.synchronize();
  } finally {
    await tables.destroy();
  }

  dataSource = new ScopedDataSource(
    {
      type: 'postgres',
      url: database.appUrl,
      driver: pgWithTenantPool,
      namingStrategy: new SnakeNaming(),
      installExtensions: false,
      poolSize: 2,
      entities: [Plain, Rich],
    },
    database.names.prefix,
  );
  await dataSource.initialize();
});
afterAll(async () => {
  await dataSource?.destroy();
  await api?.close();
});

const inUnit = <T>(work: () => Promise<T>): Promise<T> => new UnitOfWork(dataSource).run(scope, work);

describe.each([
  ['parallel arrays', Plain, FULL, [] as [string, Values][]],
  [
    'JSON',
    Rich,
    { ...FULL, ...RICH },
    [
      ['JSON that is text', { document: 'text', verbatim: '"', boxed: 'x' }],
      ['JSON that is a number', { document: 0, verbatim: -1.5, boxed: 1 }],
      ['JSON that is a list', { document: [], verbatim: [1, 'a', null], boxed: [[1]] }],
      ['JSON that is false', { document: false, verbatim: true, boxed: false }],
      ['empty lists', { words: [], numbers: [], moods: [] }],
    ] as [string, Values][],
  ],
])('BulkWriter, rows travelling as %s', (_way, Kind, full, more) => {
  let repository: Repository<Specimen>;
  let writer: BulkWriter<Specimen>;
  beforeAll(() => {
    repository = dataSource.getRepository<Specimen>(Kind);
    writer = new BulkWriter(repository);
  });

  let n = 0;
  const row = (values: Values = {}): Row => ({ id: uuidv7(), label: `label ${++n} ${AWKWARD}`, ...values });
  const insert = (...rows: Row[]): Promise<Specimen[]> => inUnit(() => writer.insert(rows, true));
  const read = (id: string): Promise<Specimen> => inUnit(() => repository.findOneByOrFail({ id }));
  /** What TypeORM itself makes of the same values. */
  const saved = async (values: Values): Promise<Specimen> => {
    const { id } = await inUnit(() => repository.save(repository.create(row(values) as DeepPartial<Specimen>)));
    return read(id);
  };
  const business = (specimen: object): Values => {
    const { id: _i, label: _l, createdAt: _c, updatedAt: _u, version: _v, ...rest } = specimen as Values;
    return rest;
  };

  const CASES: [string, Values][] = [
    ['a value in every column', full],
    ['null wherever it may be', nulls(full)],
    ['only what must be given', {}],
    [
      'smallest values',
      { whole: 0, big: '-9223372036854775808', exact: '-0.00001', float: -5e-324, order: '', price: 0 },
    ],
    ['days long ago', { day: '0099-01-31', instant: new Date('1950-01-01T00:00:00.001Z') }],
    ...more,
  ];

  it.each(CASES)('stores %s as TypeORM does', async (_what, values) => {
    const [given] = await insert(row(values));
    const found = await read(given.id);
    expect(business(found)).toEqual(business(await saved(values)));
  });

  it.each(CASES)('gives %s back as TypeORM reads it, inserted, updated and locked', async (_what, values) => {
    const [inserted] = await insert(row(values));
    const found = await read(inserted.id);
    expect({ ...inserted }).toEqual({ ...found });

    await inUnit(async () => {
      const [byId] = await writer.lockById([found.id], 'UPDATE');
      expect({ ...byId }).toEqual({ ...found });
      const [byKey] = await writer.lockByKey(['label'], [{ id: uuidv7(), label: found.label }]);
      expect({ ...byKey.row }).toEqual({ ...found });
      expect(byKey.place).toBe(0);
    });

    const label = `relabelled ${found.id}`;
    const [updated] = await inUnit(() => writer.update([{ id: found.id, label }], true));
    expect({ ...updated }).toEqual({ ...(await read(found.id)) });
    expect(business(updated)).toEqual(business(found));
  });

  it.each(CASES)('sees that writing %s again changes nothing', async (_what, values) => {
    const given = row(values);
    await insert(given);
    const before = await read(given.id);
    expect(await inUnit(() => writer.update([given], true))).toEqual([]);
    expect(await read(given.id)).toEqual(before);
  });

  it('fills what is omitted with the default, and stores null where null is given', async () => {
    const [omitted] = await insert(row({ whole: null }));
    expect(omitted).toMatchObject({
      whole: null,
      withText: 'brand new',
      withNumber: 7,
      withFlag: true,
      withMood: Mood.Sad,
      withExpression: new Date('2001-02-03T04:05:06Z'),
      version: 1,
    });
    if (Kind === Rich)
      expect(omitted).toMatchObject({ withDocument: { made: ['by', 'default'] }, withWords: ['a', 'b'] });
  });

  it('writes each column alone and leaves all others alone, in one batch', async () => {
    const names = Object.keys(full);
    const rows = names.map(() => row(full));
    await insert(...rows);
    const before = await Promise.all(rows.map(({ id }) => read(id)));
    const another = await read((await insert(row()))[0].id);
    const fresh = (name: string) => (name.startsWith('with') ? Reflect.get(another, name) : null);

    const changed = await inUnit(() =>
      writer.update(
        names.map((name, index) => ({ id: rows[index].id, [name]: fresh(name) })),
        false,
      ),
    );
    expect(changed.map(({ id }) => id).sort()).toEqual(rows.map(({ id }) => id).sort());
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

  it('keeps apart the rows of more chunks than one', async () => {
    const rows = Array.from({ length: 10_500 }, (_row, index) => row({ whole: index }));
    await inUnit(async () => {
      expect(await writer.insert(rows, false)).toEqual([]);
      const found = await writer.lockByKey(['label'], rows);
      expect(found).toHaveLength(rows.length);
      for (const { place, row } of found) expect(row).toMatchObject({ id: rows[place].id, whole: place });
      expect(await writer.taken(['label'], [row(), { ...row(), label: rows[7].label }])).toEqual([1]);
      await writer.delete(rows.map(({ id }) => id));
    });
    expect(await inUnit(() => repository.countBy({ id: rows[0].id }))).toBe(0);
  });

  it('gives the error of Postgres for a row that cannot be written, and writes none of the others', async () => {
    const [good, twin] = [row(), row()];
    await expect(insert(good, twin, { ...twin, id: uuidv7() })).rejects.toMatchObject({ code: '23505' });
    expect(await inUnit(() => repository.countBy({ id: good.id }))).toBe(0);
  });
});
