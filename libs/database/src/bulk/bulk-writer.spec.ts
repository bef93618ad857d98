import { DeepPartial, Repository } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { BulkWriter } from './bulk-writer';
import { Row } from './entity-sql';
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

let tables: SpecimenTables;
beforeAll(async () => {
  tables = await openSpecimens();
});
afterAll(() => tables?.close());

const inUnit = <T>(work: () => Promise<T>): Promise<T> => tables.inUnit(work);

describe.each([
  ['parallel arrays', Plain],
  ['JSON', Rich],
])('BulkWriter, rows travelling as %s', (_way, Kind) => {
  const full = FULL.get(Kind)!;
  let repository: Repository<Specimen>;
  let writer: BulkWriter<Specimen>;
  beforeAll(() => {
    repository = tables.dataSource.getRepository<Specimen>(Kind);
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
  const CASES = casesOf(Kind);

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
      const [byId] = await writer.lockById([found.id], 'UPDATE', { whole: true });
      expect({ ...byId }).toEqual({ ...found });
      const [byKey] = await writer.lockByKey(['label'], [{ id: uuidv7(), label: found.label }], { whole: true });
      expect({ ...byKey.row }).toEqual({ ...found });
      expect(byKey.place).toBe(0);
      const identity = { id: found.id, version: found.version };
      expect(await writer.lockById([found.id], 'UPDATE')).toEqual([identity]);
      expect(await writer.lockByKey(['label'], [{ id: uuidv7(), label: found.label }])).toEqual([
        { row: identity, place: 0 },
      ]);
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

  it.each(CASES)('upserts %s: inserts it, sees that it is there, and writes it over another', async (_what, values) => {
    const given = row(values);
    const upsert = (...rows: Row[]) => inUnit(() => writer.upsert(['label'], rows, true));
    const changes = { flag: true, ...values };
    const [inserted] = await upsert({ ...given, ...changes });
    expect({ ...inserted }).toEqual({ ...(await read(given.id)) });
    expect(await upsert({ ...given, ...changes, id: uuidv7() })).toEqual([]);
    expect({ ...(await read(given.id)) }).toEqual({ ...inserted });

    const [other] = await insert(row());
    const [changed] = await upsert({ ...given, ...changes, id: uuidv7(), label: other.label });
    expect({ ...changed }).toEqual({ ...(await read(other.id)) });
    expect(business(changed)).toEqual(business(await saved(changes)));
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
      const found = await writer.lockByKey(['label'], rows, { whole: true });
      expect(found).toHaveLength(rows.length);
      for (const { place, row } of found) expect(row).toMatchObject({ id: rows[place].id, whole: place });
      expect(await writer.taken(['label'], [row(), { ...row(), label: rows[7].label }])).toEqual([1]);
      const again = [...rows.map((one, index) => ({ ...one, id: uuidv7(), whole: -1 - index })), row({ whole: 7 })];
      const upserted = await writer.upsert(['label'], again, true);
      const ids = [...rows, again.at(-1)!].map(({ id }) => id);
      expect(upserted.map(({ id, whole }) => [id, whole])).toEqual(ids.map((id, index) => [id, again[index].whole]));
      await writer.delete(ids);
    });
    expect(await inUnit(() => repository.countBy({ id: rows[0].id }))).toBe(0);
  });

  it('gives the error of Postgres for a row that cannot be written, and writes none of the others', async () => {
    const [good, twin] = [row(), row()];
    await expect(insert(good, twin, { ...twin, id: uuidv7() })).rejects.toMatchObject({ code: '23505' });
    expect(await inUnit(() => repository.countBy({ id: good.id }))).toBe(0);
  });
});
