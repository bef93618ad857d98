import { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata';
import { escapeIdentifier as quote, escapeLiteral as quoteText } from 'pg';
import { EntitySql, Source } from '@app/database';
import { arrayOf } from './triggers';
import { versionsOf } from './versions-table';

/** The statements of an entity whose rows are written by inserting the next version of them. */
export class AppendOnlySql extends EntitySql {
  override readonly upsertsAtOnce = false;

  /** The table of the versions. */
  get versions(): string {
    return quote(versionsOf(this.metadata.tableName));
  }

  override from(asOf?: string): string {
    if (asOf === undefined) return super.from();
    const last = `SELECT DISTINCT ON (v.id) v.* FROM ${this.versions} AS v WHERE v.valid_from <= ${asOf}::timestamptz
                   ORDER BY v.id DESC, v.version DESC`; // as their index is read backwards
    return `(SELECT v.* FROM (${last}) AS v WHERE NOT v.deleted) AS t`;
  }

  override updateFrom(source: Source): string {
    const next = (column: ColumnMetadata) => {
      const name = `t.${quote(column.databaseName)}`;
      return column.isPrimary
        ? name
        : `CASE WHEN ${this.written.given(column)} THEN ${source.value(column)} ELSE ${name} END`;
    };
    const values = [...this.written.all.map(next), 't.created_at', source.now, 't.version + 1'];
    return `${this.insertion(values)} FROM ${source.from} JOIN ${this.table} AS t ON t.id = i.id WHERE ${this.differs(source)}`;
  }

  override deleteWhere(which: string, now: () => string): string {
    return this.deletion(`${this.table} AS t WHERE ${which}`, now);
  }

  /** What it deletes is what it has locked: the table itself still shows what was before it waited. */
  override lockAndDelete(where: string, now: () => string): string {
    return `WITH doomed AS (SELECT t.* FROM ${this.table} AS t ${where} ORDER BY ${this.lockOrder} FOR UPDATE)
            ${this.deletion('doomed AS t', now)}`;
  }

  /** Makes version `$2` of the record `$1` its next one, after `$3`, at `$4`. */
  get revert(): string {
    const values = [...this.valuesOf('v'), 'v.created_at', '$4::timestamptz', '$3::int + 1'];
    return `${this.insertion(values)} FROM ${this.versions} AS v WHERE v.id = $1 AND v.version = $2 RETURNING ${this.columns}`;
  }

  /** It says which columns it knows of: a release that has come since may have more, which are to stay as they are. */
  protected override insertion(values: string[], deleted = false): string {
    const known = quoteText(arrayOf(this.metadata.columns.map(({ databaseName }) => databaseName)));
    return `INSERT INTO ${this.versions} AS t (${this.inserted.join(', ')}, deleted, written) SELECT ${values.join(', ')}, ${deleted}, ${known}::text[]`;
  }

  private deletion(from: string, now: () => string): string {
    const values = [...this.valuesOf('t'), 't.created_at', now(), 't.version + 1'];
    return `${this.insertion(values, true)} FROM ${from}`;
  }

  private valuesOf(alias: string): string[] {
    return this.written.names.map((name) => `${alias}.${name}`);
  }
}
