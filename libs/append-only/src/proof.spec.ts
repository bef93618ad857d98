import { DataSource, DeleteDateColumn, Entity, ManyToOne, type Repository } from 'typeorm';
import type { Database } from '@app/database';
import { AppendOnlyEntity } from './append-only.entity';
import { AppendOnlyService } from './append-only.service';
import { Proof } from './proof';

@Entity()
class Unserved extends AppendOnlyEntity {}

@Entity()
class Hidden extends AppendOnlyEntity {
  @DeleteDateColumn() deletedAt: Date | null;
}

@Entity()
class Rewritten extends AppendOnlyEntity {
  @ManyToOne(() => Served, { onDelete: 'CASCADE' })
  served: unknown;
}

@Entity()
class Served extends AppendOnlyEntity {}
class ServedService extends AppendOnlyService<Served> {}

/** What TypeORM makes of entities, without a database. */
class Described extends DataSource {
  constructor(...entities: (new () => object)[]) {
    super({ type: 'postgres', entities });
  }
  describe(): Promise<void> {
    return this.buildMetadatas();
  }
  override query<T>(): Promise<T> {
    return Promise.reject(new Error('The database was asked.'));
  }
}

async function start(...Models: (new () => object)[]): Promise<void> {
  const described = new Described(...Models);
  await described.describe();
  await new Proof({} as Database, described).onModuleInit();
}

describe('a process does not start with an append-only model', () => {
  it('that no AppendOnlyService writes', async () => {
    await expect(start(Unserved)).rejects.toThrow(
      'Unserved is an AppendOnlyEntity: let its service extend AppendOnlyService, which alone can write it.',
    );
    expect(new ServedService({ target: Served } as Repository<Served>)).toBeInstanceOf(AppendOnlyService);
    await expect(start(Served)).rejects.toThrow('No metadata for "Tenant"'); // what comes after this check
  });

  it('that the foreign key of a record it refers to would rewrite', async () => {
    await expect(start(Rewritten, Served)).rejects.toThrow(
      "Rewritten is append-only, and its served would have Postgres rewrite it: make that onDelete: 'RESTRICT'.",
    );
  });

  it('whose deleted records would only be hidden', async () => {
    await expect(start(Hidden)).rejects.toThrow(
      'Hidden is append-only, where a deleted record is only the last of its versions: take its column deletedAt away.',
    );
  });
});
