import { escapeIdentifier as quote, escapeLiteral } from 'pg';
import type { QueryRunner } from 'typeorm';
import { surroundingsOf } from '@app/database';
import { IS_PERSONAL, WORD } from './personal.decorator';

const LENGTH = '[erased] '.length + 36; // of what stands where a text was that may not be null, with a uuid in it

/**
 * For a migration: says which `columns` of `table` tell of a person, and no others, and lets them be erased, in its versions
 * too if it has any. Throws for a column that could not be.
 */
export async function personalColumns(runner: QueryRunner, table: string, columns: string[]): Promise<void> {
  const { eraser } = await surroundingsOf(runner);
  const found = await columnsOf(runner, table);
  for (const needed of ['id', 'version', 'updated_at'])
    if (!found.some(({ name }) => name === needed))
      throw new Error(`${table} needs a column ${needed}, as a BaseEntity has.`);
  for (const column of columns) {
    const { fits } = found.find(({ name }) => name === column) ?? {};
    if (fits === undefined) throw new Error(`${table} has no column ${column}.`);
    if (!fits)
      throw new Error(
        `${table}.${column} cannot be erased: it may have to be null, or must be text with room for ${LENGTH} characters.`,
      );
  }
  await comment(runner, table, columns, found);
  await runner.query(`GRANT SELECT, UPDATE ON ${quote(table)} TO ${quote(eraser)}`);

  const versions = `${table}_versions`;
  const ofVersions = (await columnsOf(runner, versions)).filter(({ name }) =>
    found.some((column) => column.name === name),
  );
  await comment(runner, versions, columns, ofVersions);
}

interface Column {
  name: string;
  isPersonal: boolean;
  /** Whether it can be blank. */
  fits: boolean;
}

/** None where there is no such table. */
const columnsOf = (runner: QueryRunner, table: string): Promise<Column[]> =>
  runner.query(
    `SELECT attname AS name, coalesce(col_description(attrelid, attnum) ${IS_PERSONAL}, false) AS "isPersonal",
            attgenerated = '' AND (NOT (attnotnull OR typnotnull) OR typcategory = 'S' AND atttypmod NOT BETWEEN 0 AND ${LENGTH + 3}) AS fits
       FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
      WHERE attrelid = to_regclass(${escapeLiteral(quote(table))}) AND attnum > 0 AND NOT attisdropped`,
  );

async function comment(runner: QueryRunner, table: string, personal: string[], columns: Column[]): Promise<void> {
  for (const { name, isPersonal } of columns) {
    if (isPersonal === personal.includes(name)) continue;
    const word = isPersonal ? 'NULL' : escapeLiteral(WORD);
    await runner.query(`COMMENT ON COLUMN ${quote(table)}.${quote(name)} IS ${word}`);
  }
}
