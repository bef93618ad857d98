import { DeepPartial } from 'typeorm';
import {
  BaseEntity,
  currentUnit,
  EntitySql,
  Finding,
  isDataError,
  newId,
  postgresError,
  StagedRow,
  Staging,
  uniqueKeysOf,
} from '@app/database';
import { dangling, invalidValue, required, taken } from '../problem/database-causes';
import { Cause } from '../problem/problem';
import { FaultyLines, ImportError } from './faulty-lines';

/** A line of a file with the values of a record, or what keeps it from having any. */
export type ImportLine<V> = { line: number; value: V } | { line: number; causes: Cause[] };

/** How a file is imported. */
export interface HowImport {
  /** `create` (the default): every line is a new record. `upsert`: or changes the one with its natural key. */
  mode?: 'create' | 'upsert';
  /** `abort` (the default): one bad line, and nothing is written. `skip`: bad lines are left out. */
  onError?: 'abort' | 'skip';
}

/** What an import did, counted in lines. */
export interface ImportReport {
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
  /** Why lines failed; of the first of them only. */
  errors: ImportError[];
}

const RACES = 5; // that an import may lose to others that write the same keys

/** Writes the lines of a file as records of one model, as a set: however many they are, none is kept in memory. */
export class Importer<E extends BaseEntity> {
  private readonly faults = new FaultyLines();

  constructor(
    private readonly sql: EntitySql,
    private readonly key: string[],
    private readonly how: HowImport,
  ) {}

  async run(batches: AsyncIterable<ImportLine<DeepPartial<E>>[]>): Promise<ImportReport> {
    const staging = await Staging.fill(this.sql, this.rowsOf(batches));
    if (this.faults.count && this.aborts) {
      await this.takeOutBad(staging); // so that the answer names them too
      throw this.faults.problem();
    }
    // Most files are good; what no constraint of the database would find must be looked for all the same.
    await this.takeOutUnseen(staging);
    for (let race = 0; ; race++) {
      if (this.faults.count && this.aborts) throw this.faults.problem();
      try {
        return { ...(await currentUnit().attempt(() => this.write(staging))), ...this.faults.report() };
      } catch (error) {
        if (!isDataError(error)) throw error;
        const found = await this.takeOutBad(staging);
        if (!found && (race === RACES || postgresError(error)?.code !== '23505')) throw error;
      }
    }
  }

  private get aborts(): boolean {
    return this.how.onError !== 'skip';
  }

  private get upserts(): boolean {
    return this.how.mode === 'upsert';
  }

  private async write(staging: Staging): Promise<Pick<ImportReport, 'created' | 'updated' | 'unchanged'>> {
    if (this.upserts) return staging.upsert(this.key);
    return { created: await staging.insert(), updated: 0, unchanged: 0 };
  }

  private async *rowsOf(batches: AsyncIterable<ImportLine<DeepPartial<E>>[]>): AsyncIterable<StagedRow[]> {
    for await (const lines of batches) {
      const rows: StagedRow[] = [];
      for (const read of lines) {
        if ('causes' in read) this.faults.add(read.line, read.causes);
        else rows.push({ line: read.line, row: { ...read.value, id: newId() } });
      }
      if (rows.length) yield rows;
    }
  }

  /** Two lines about one record, of which Postgres would take either; and references to what is deleted. */
  private async takeOutUnseen(staging: Staging): Promise<void> {
    if (this.upserts) await this.note(staging.twins(this.key), ({ twin }) => [twinOf(twin, this.key)]);
    const own = this.upserts ? this.key : undefined;
    for (const { columns, referencedEntityMetadata } of this.sql.metadata.foreignKeys) {
      const properties = columns.map(({ propertyName }) => propertyName);
      if (referencedEntityMetadata.deleteDateColumn)
        await this.note(staging.deadReferences(properties, own), () => [dangling(properties)]);
    }
  }

  /** Whatever can be seen to be wrong by asking the database: a statement a rule, not a line. Gives how many lines that were. */
  private async takeOutBad(staging: Staging): Promise<number> {
    const before = this.faults.count;
    const { metadata } = this.sql;
    await this.note(staging.invalid(), ({ properties }) => properties.map((property) => invalidValue(property)));
    await this.note(staging.lacking(this.upserts ? this.key : undefined), ({ properties }) =>
      properties.map((property) => required(property)),
    );
    for (const { columns } of metadata.foreignKeys) {
      const properties = columns.map(({ propertyName }) => propertyName);
      await this.note(staging.dangling(properties), () => [dangling(properties)]);
    }
    await this.takeOutUnseen(staging);
    for (const { properties } of uniqueKeysOf(metadata)) {
      await this.note(staging.twins(properties), ({ twin }) => [twinOf(twin, properties)]);
      if (!this.upserts) await this.note(staging.taken(properties), () => [taken(properties)]);
      else if (properties !== this.key && properties.join() !== this.key.join())
        await this.note(staging.taken(properties, this.key), () => [taken(properties)]);
    }
    return this.faults.count - before;
  }

  private async note<D>(finding: Promise<Finding<D>>, causesOf: (found: D) => Cause[]): Promise<void> {
    const { count, first } = await finding;
    for (const found of first) this.faults.add(found.line, causesOf(found));
    this.faults.count += count - first.length;
  }
}

const twinOf = (line: number, key: string[]): Cause => ({
  status: 422,
  code: 'duplicate',
  pointer: `/${key[0]}`,
  detail: `Line ${line} has the same ${key.join(' and ')}.`,
});
