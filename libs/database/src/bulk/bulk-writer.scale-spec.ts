import { Column, DataSource, Entity } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { startApi, TestApi } from '@app/testing';
import { BaseEntity } from '../base.entity';
import { Database } from '../database';
import { DATABASE } from '../database.module';
import { migrationOptions } from '../migrations';
import { currentScope, currentUnit, Scope } from '../scope';
import { ScopedDataSource } from '../scoped-data-source';
import { SnakeNaming } from '../snake-naming';
import { pgWithTenantPool } from '../tenant-pool';
import { UnitOfWork } from '../unit-of-work';
import { BulkWriter } from './bulk-writer';

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
  let api: TestApi;
  let scope: Scope;
  let dataSource: ScopedDataSource;

  beforeAll(async () => {
    api = await startApi();
    scope = await api.inTenant(async () => currentScope()!);
    const database = api.app.get<Database>(DATABASE, { strict: false });
    const options = migrationOptions(database, 'tenant', scope.tenant.schema);
    const tables = new DataSource({ ...options, entities: [Wide], migrations: [] } as typeof options);
    await tables.initialize();
    await tables.synchronize();
    await tables.destroy();
    const namingStrategy = new SnakeNaming();
    dataSource = new ScopedDataSource(
      {
        type: 'postgres',
        url: database.appUrl,
        driver: pgWithTenantPool,
        namingStrategy,
        installExtensions: false,
        entities: [Wide],
      },
      api.prefix,
    );
    await dataSource.initialize();
  });
  afterAll(async () => {
    await dataSource.destroy();
    await api.close();
  });

  it('takes 50,000 rows of ten columns in one call, far beyond 65,535 parameters, and changes them all', async () => {
    const writer = new BulkWriter(dataSource.getRepository(Wide));
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
    await new UnitOfWork(dataSource).run(scope, async () => {
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
