import { ApiProperty } from '@nestjs/swagger';
import { Column, DataSource, DeleteDateColumn, Entity, ObjectLiteral, ValueTransformer } from 'typeorm';
import { BaseEntity, currentScope, Database, DATABASE, EntitySql, migrationOptions } from '@app/database';
import { startApi, TestApi } from '@app/testing';
import { Position } from './cursors';
import { listFieldsOf } from './list-fields';
import { pageParameters } from './list-parameters';
import { PageQuery, Sort } from './list-query';
import { ListSql } from './list-sql';
import { Parameters } from './parameters';

const ROWS = 84; // a multiple of the ties below, which have no common period shorter than that
const LIMIT = 5;

enum Mood {
  Sad = 'sad',
  Happy = 'happy',
}
/** Another order than that of the database: a cursor must not go by what the program sees. */
const negated: ValueTransformer = { to: (value: number) => -value, from: (stored: number) => -stored };

/** One column of each kind that lists go by. */
@Entity()
class Specimen extends BaseEntity {
  @Column('timestamptz') instant: Date;
  @Column('timestamptz', { nullable: true }) moment: Date | null;
  @Column({ type: 'timestamptz', precision: 3, nullable: true }) rounded: Date | null;
  @Column('numeric', { nullable: true }) decimal: string | null;
  @Column('bigint') large: string;
  @Column('double precision', { nullable: true }) float: number | null;
  @Column('real') single: number;
  @Column('boolean', { nullable: true }) flag: boolean | null;
  @Column('date', { nullable: true }) day: string | null;
  @Column('enum', { enum: Mood, nullable: true }) mood: Mood | null;
  @Column('char', { length: 5, nullable: true }) fixed: string | null;
  @Column('text', { nullable: true }) label: string | null;
  @Column('int', { transformer: negated }) debt: number;
  @DeleteDateColumn({ type: 'timestamptz' }) deletedAt: Date | null;
}
const FIELDS = ['instant', 'moment', 'rounded', 'decimal', 'large', 'float', 'single', 'flag', 'day', 'mood', 'fixed']
  .concat('label', 'debt', 'createdAt', 'version', 'id'); // prettier-ignore

class SpecimenDto {}
for (const field of FIELDS) ApiProperty()(SpecimenDto.prototype, field);
const parameters = new Parameters(pageParameters(listFieldsOf(Specimen, SpecimenDto)));

const INSERT = `
  INSERT INTO specimen SELECT
    gen_random_uuid(), timestamptz '2026-11-22 12:00Z', timestamptz '2026-11-22 12:00Z', 1 + n % 2,
    timestamptz '2026-11-22 12:00:00.123450Z' + n % 7 * interval '1 microsecond',
    timestamptz '2026-11-22 12:00:00.123450Z' + nullif(n % 4, 0) * interval '1 microsecond',
    timestamptz '1966-11-22 12:00:00.123Z' + nullif(n % 4, 1) * interval '1 millisecond',
    (nullif(n % 3, 0) - 1) / 7.0 + 12345678901234567890,
    9007199254740993 + n % 4, nullif(n % 7, 3) * 0.1, n % 4 * 0.1,
    (ARRAY[true, false, null])[1 + n % 3], date '2024-02-28' + nullif(n % 4, 2),
    (ARRAY['happy', 'sad', null]::specimen_mood_enum[])[1 + n % 3], (ARRAY['a', 'a b', null, ''])[1 + n % 4],
    (ARRAY['B', 'a', '', null, 'é', E'"\\\\\\t'])[1 + n % 6], n % 7, CASE WHEN n % 20 = 0 THEN now() END
  FROM generate_series(1, ${ROWS}) AS n`;

const snake = (field: string): string => field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const idsOf = (rows: ObjectLiteral[]): string[] => rows.map(({ id }) => id);

let api: TestApi;
let dataSource: DataSource;
let lists: ListSql;

beforeAll(async () => {
  api = await startApi();
  const { schema } = await api.inTenant(async () => currentScope()!.tenant);
  const options = migrationOptions(api.app.get<Database>(DATABASE, { strict: false }), 'tenant', schema);
  dataSource = new DataSource({ ...options, entities: [Specimen], migrations: [] } as typeof options);
  await dataSource.initialize();
  await dataSource.synchronize();
  const columns = ['id', 'created_at', 'updated_at', 'version', ...FIELDS.slice(0, 13).map(snake), 'deleted_at'];
  await dataSource.query(INSERT.replace('specimen SELECT', `specimen (${columns.join(', ')}) SELECT`));
  lists = new ListSql(new EntitySql(dataSource.getMetadata(Specimen)));
});
afterAll(async () => {
  await dataSource?.destroy();
  await api?.close();
});

const read = async (query: PageQuery, take = ROWS, position?: Position): Promise<ObjectLiteral[]> => {
  const { text, parameters } = lists.page(query, take, position);
  return (await dataSource.query(text, parameters)).map((row: ObjectLiteral) => lists.hydrate(row));
};

/** All of a list, page by page, each position having travelled as a cursor does. */
async function walk(query: PageQuery): Promise<string[]> {
  const seen: string[] = [];
  for (let position: Position | undefined; ;) {
    const rows = await read(query, LIMIT, position);
    seen.push(...idsOf(rows));
    if (rows.length < LIMIT || seen.length > 2 * ROWS) return seen;
    position = JSON.parse(JSON.stringify(lists.positionOf(rows.at(-1)!, query.sort))) as Position;
  }
}

/** What Postgres itself makes of the whole list. */
const sorted = async (sort: Sort[]): Promise<string[]> => {
  const direction = ({ descending }: Sort) => (descending ? 'DESC' : 'ASC');
  const order = sort.map((one) => `${snake(one.field)} ${direction(one)}`).join(', ');
  return idsOf(
    await dataSource.query(
      `SELECT id FROM specimen WHERE deleted_at IS NULL ORDER BY ${order}, id ${direction(sort.at(-1)!)}`,
    ),
  );
};

describe('page()', () => {
  it.each(FIELDS)('goes through a list sorted by %s in either direction, ties, nulls and microseconds included', async (field) => {
    for (const descending of [false, true]) {
      const sort = [{ field, descending }];
      expect(await walk({ sort })).toEqual(await sorted(sort));
    }
  }); // prettier-ignore

  const [up, down] = [false, true].map((descending) => (field: string): Sort => ({ field, descending }));
  it.each([
    [[up('mood'), down('flag'), up('moment')]],
    [[down('decimal'), up('day'), down('label')]],
    [[down('rounded'), down('instant')]],
    [[up('version'), up('instant'), down('createdAt')]],
    [[down('fixed'), up('single'), down('id')]],
    [[up('createdAt'), down('mood')]],
  ])('goes through a list sorted by several fields: %j', async (sort) => {
    expect(await walk({ sort })).toEqual(await sorted(sort));
  });

  it('answers whatever part of the fields is asked for, in the same order', async () => {
    const sort = [down('moment'), up('label')];
    expect(await walk({ sort, fields: ['flag'] })).toEqual(await sorted(sort));
  });

  it('passes over an offset, and finds nothing behind the end', async () => {
    const ids = await sorted([up('createdAt')]);
    expect(idsOf(await read({ offset: 7 }, 3))).toEqual(ids.slice(7, 10));
    expect(await read({ offset: ROWS }, 3)).toEqual([]);
  });

  it('leaves deleted records out, puts them in, or takes them alone', async () => {
    const [{ deleted }] = await dataSource.query('SELECT count(deleted_at)::int AS deleted FROM specimen');
    expect(deleted).toBeGreaterThan(0);
    expect(await read({ deleted: 'exclude' })).toHaveLength(ROWS - deleted);
    expect(await read({ deleted: 'include' })).toHaveLength(ROWS);
    const alone = await read({ deleted: 'only' });
    expect(alone.map(({ deletedAt }) => deletedAt)).toEqual(Array(deleted).fill(expect.any(Date)));
  });
});

describe('conditions()', () => {
  it.each<[field: string, operator: string, texts: string[], meant: (value: string | null) => unknown]>([
    ['instant', 'eq', ['2026-11-22T12:00:00.123451Z'], (value) => value?.endsWith('.123451+00')],
    ['instant', 'gt', ['2026-11-22T17:30:00.123455+05:30'], (value) => value?.endsWith('.123456+00')],
    ['moment', 'null', ['true'], (value) => value === null],
    ['decimal', 'eq', ['12345678901234567890.0'], (value) => Number(value?.split('.')[1]) === 0],
    ['decimal', 'gt', ['12345678901234567890'], (value) => Number(value?.split('.')[1]) > 0],
    ['large', 'nin', ['9007199254740993', '9007199254740994'], (value) => !/9[34]$/.test(value!)],
    ['large', 'lte', ['9007199254740994'], (value) => /9[34]$/.test(value!)],
    ['float', 'in', ['0.1', '2e-1'], (value) => ['0.1', '0.2'].includes(value!)],
    ['single', 'eq', ['0.1'], (value) => value === '0.1'],
    ['single', 'between', ['.1', '.2'], (value) => ['0.1', '0.2'].includes(value!)],
    ['flag', 'eq', ['false'], (value) => value === 'false'],
    ['flag', 'ne', ['false'], (value) => value !== 'false'],
    ['flag', 'nin', ['true', 'false'], (value) => value === null],
    ['day', 'between', ['2024-02-29', '2024-03-01'], (value) => ['2024-02-29', '2024-03-01'].includes(value!)],
    ['mood', 'in', ['sad', 'happy'], (value) => value !== null],
    ['mood', 'ne', ['sad'], (value) => value !== 'sad'],
    ['fixed', 'eq', ['a'], (value) => value === 'a'],
    ['label', 'eq', [''], (value) => value === ''],
    ['label', 'in', ['"\\\t', 'é'], (value) => ['"\\\t', 'é'].includes(value!)],
  ])('of %s %s %j select what they mean', async (field, operator, texts, meant) => {
    const query = parameters.transform({ [`filter[${field}][${operator}]`]: texts }) as PageQuery;
    const rows: { id: string; value: string | null }[] = await dataSource.query(
      `SELECT id, ${field}::text AS value FROM specimen WHERE deleted_at IS NULL ORDER BY id`,
    );
    const expected = idsOf(rows.filter(({ value }) => meant(value)));
    expect(expected.length % rows.length).not.toBe(0); // some, not all
    expect(idsOf(await read({ ...query, sort: [{ field: 'id', descending: false }] }))).toEqual(expected);
  });
});
