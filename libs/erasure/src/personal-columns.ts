import { escapeIdentifier as quote, escapeLiteral } from 'pg';
import type { QueryRunner } from 'typeorm';
import { surroundingsOf } from '@app/database';

/** For a migration: says which `columns` of `table` tell of a person, and no others, and lets them be erased. */
export async function personalColumns(runner: QueryRunner, table: string, columns: string[]): Promise<void> {
  const { eraser } = await surroundingsOf(runner);
  const found: { name: string; is: boolean; fits: boolean }[] = await runner.query(
    `SELECT attname AS name, coalesce(col_description(attrelid, attnum) = 'personal', false) AS is,
            NOT attnotnull OR typcategory = 'S' AS fits
       FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
      WHERE attrelid = ${escapeLiteral(quote(table))}::regclass AND attnum > 0 AND NOT attisdropped`,
  );
  for (const column of columns) {
    const { fits } = found.find(({ name }) => name === column) ?? {};
    if (fits === undefined) throw new Error(`${table} has no column ${column}.`);
    if (!fits) throw new Error(`${table}.${column} cannot be erased: it must be text, or may have to be null.`);
  }
  for (const { name, is } of found) {
    if (is === columns.includes(name)) continue;
    await runner.query(`COMMENT ON COLUMN ${quote(table)}.${quote(name)} IS ${is ? 'NULL' : `'personal'`}`);
  }
  await runner.query(`GRANT SELECT, UPDATE ON ${quote(table)} TO ${quote(eraser)}`);
}
