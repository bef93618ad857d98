import { Column, Entity } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { BaseEntity } from '../base.entity';
import { currentUnit } from '../scope';
import { BulkWriter } from './bulk-writer';
import { openSpecimens, SpecimenTables } from './test/specimens';

/** Ten columns of its own, besides the four of every record. */
@Entity()
class Wide extends BaseEntity {
  @Column('text') a: string;
  @Column('text') b: string;
  @Column('text') c: string;
  @Column('text', { nullable: true }) d: string | null;
  @Column('int') e: number;
  @Column('int') f: number;
  @Column('bigint') g: string;
  @Column('boolean') h: boolean;
  @Column('double precision') i: number;
  @Column({ type: 'timestamptz', precision: 3 }) j: Date;
}

describe('BulkWriter', () => {
  let tables: SpecimenTables;
  beforeAll(async () => {
    tables = await openSpecimens([Wide]);
  });
  afterAll(() => tables?.close());

  it('takes 50,000 rows of ten columns in one call, far beyond 65,535 parameters, and changes them all', async () => {
    const writer = new BulkWriter(tables.dataSource.getRepository(Wide));
    const row = (n: number) => ({
      id: uuidv7(),
      a: `a${n}`,
      b: 'b',
      c: 'c',
      d: null,
      e: n,
      f: -n,
      g: `${n}000000000`,
      h: n % 2 === 0,
      i: n / 3,
      j: new Date(n),
    });
    const rows = Array.from({ length: 50_000 }, (_, n) => row(n));
    await tables.inUnit(async () => {
      await writer.insert(rows, false);
      const changed = await writer.update(
        rows.map(({ id, e }) => ({ id, a: `new ${e}` })),
        false,
      );
      expect(changed).toHaveLength(rows.length);
      const [sums] = await currentUnit().manager.query(
        `SELECT count(*)::int AS n, count(DISTINCT a)::int AS names, sum(e)::bigint AS e, min(version) AS version FROM wide`,
      );
      expect(sums).toEqual({ n: 50_000, names: 50_000, e: '1249975000', version: 2 });
    });
  }, 60_000);
});
