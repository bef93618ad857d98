import type { Type } from '@nestjs/common';
import { Column, DataSource, Entity, Unique, ValueTransformer } from 'typeorm';
import { startApi } from '@app/testing';
import { BaseEntity } from '../../base.entity';
import { Database } from '../../database';
import { DATABASE } from '../../database.module';
import { migrationOptions } from '../../migrations';
import { currentScope } from '../../scope';
import { ScopedDataSource } from '../../scoped-data-source';
import { SnakeNaming } from '../../snake-naming';
import { pgWithTenantPool } from '../../tenant-pool';
import { UnitOfWork } from '../../unit-of-work';

/** An enum whose labels need quoting. */
export enum Mood {
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
export abstract class Specimen extends BaseEntity {
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

/** A specimen whose rows can travel as parallel arrays. */
@Entity()
@Unique('uc_Plain_Label', ['label'])
export class Plain extends Specimen {}

/** A specimen with the types that make its rows travel as JSON. */
@Entity()
@Unique('uc_Rich_Label', ['label'])
export class Rich extends Specimen {
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

/** Some values of a specimen, by property. */
export type Values = Record<string, unknown>;

/** Text that arrays, JSON, LIKE and COPY each spell in a way of their own. */
export const AWKWARD = ` a'b"c\\d{e,f}\n\t%_$1 \u{1f9d9} NULL \r\n\\.\n\\N\b `;
const PLAIN: Values = {
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
  ...PLAIN,
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

/** A value in every column of each kind. */
export const FULL = new Map<typeof Specimen, Values>([
  [Plain, PLAIN],
  [Rich, RICH],
]);

/** Rows that any way of writing must store as TypeORM does, and what each is about. */
export const casesOf = (kind: typeof Specimen): [string, Values][] => [
  ['a value in every column', FULL.get(kind)!],
  ['null wherever it may be', nulls(FULL.get(kind)!)],
  ['only what must be given', {}],
  [
    'smallest values',
    { whole: 0, big: '-9223372036854775808', exact: '-0.00001', float: -5e-324, order: '', price: 0 },
  ],
  ['days long ago', { day: '0099-01-31', instant: new Date('1950-01-01T00:00:00.001Z') }],
  ...(kind === Rich ? RICH_CASES : []),
];
const RICH_CASES: [string, Values][] = [
  ['JSON that is text', { document: 'text', verbatim: '"', boxed: 'x' }],
  ['JSON that is a number', { document: 0, verbatim: -1.5, boxed: 1 }],
  ['JSON that is a list', { document: [], verbatim: [1, 'a', null], boxed: [[1]] }],
  ['JSON that is false', { document: false, verbatim: true, boxed: false }],
  ['empty lists', { words: [], numbers: [], moods: [] }],
];

/** What a specimen says, without what is its own: its id, its label and what the system keeps. */
export const business = (specimen: object): Values => {
  const { id: _i, label: _l, createdAt: _c, updatedAt: _u, version: _v, ...rest } = specimen as Values;
  return rest;
};

/** A tenant with tables for specimens, and units of work in it. */
export interface SpecimenTables {
  dataSource: ScopedDataSource;
  inUnit<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Makes tables for `entities` in a tenant of its own. */
export async function openSpecimens(entities: Type[] = [Plain, Rich]): Promise<SpecimenTables> {
  const api = await startApi();
  const scope = await api.inTenant(async () => currentScope()!);
  const database = api.app.get<Database>(DATABASE, { strict: false });
  const options = migrationOptions(database, 'tenant', scope.tenant.schema);
  const tables = new DataSource({ ...options, entities, migrations: [] } as typeof options);
  await tables.initialize();
  try {
    await tables.synchronize();
  } finally {
    await tables.destroy();
  }
  const dataSource = new ScopedDataSource(
    {
      type: 'postgres',
      url: database.appUrl,
      driver: pgWithTenantPool,
      namingStrategy: new SnakeNaming(),
      installExtensions: false,
      poolSize: 2,
      entities,
    },
    database.names.prefix,
  );
  await dataSource.initialize();
  return {
    dataSource,
    inUnit: (work) => new UnitOfWork(dataSource).run(scope, work),
    close: async () => {
      await dataSource.destroy();
      await api.close();
    },
  };
}
