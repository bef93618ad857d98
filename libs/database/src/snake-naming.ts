import { DefaultNamingStrategy, Table } from 'typeorm';

const snake = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
const pascal = (name: string): string =>
  name.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const tableOf = (table: Table | string): string => (typeof table === 'string' ? table : table.name).split('.').pop()!;
const constraint = (kind: string) => (table: Table | string, columns: string[]) =>
  [kind, ...[tableOf(table), ...columns].map(pascal)].join('_');

/** Names in the database: `releaseYear` of Book is `book.release_year`, its foreign keys `fk_Review_BookId`. */
export class SnakeNaming extends DefaultNamingStrategy {
  override tableName = (className: string, customName?: string): string => customName ?? snake(className);
  override columnName = (property: string, customName: string | undefined, prefixes: string[]): string =>
    snake([...prefixes, customName ?? property].join('_'));
  override joinColumnName = (relation: string, column: string): string => snake(`${relation}_${column}`);
  override primaryKeyName = (table: Table | string): string => constraint('pk')(table, []);
  override foreignKeyName = constraint('fk');
  override uniqueConstraintName = constraint('uc');
  override indexName = constraint('ix');
}
