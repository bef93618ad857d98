/** What is sent to create a book. */
export interface NewBook {
  identifier: string;
  name: string;
  author: string;
  releaseYear: number;
}

/** When the first book of a table was created: before any that a workload creates. */
export const LONG_AGO = Date.UTC(2024, 0, 1);

/** The id of the nth book a table holds, from 1; a uuid of version 7, one millisecond after the one before. */
export function idOf(n: number): string {
  const at = (LONG_AGO + n).toString(16).padStart(12, '0');
  return `${at.slice(0, 8)}-${at.slice(8)}-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

/** The same in SQL, of a column n; Postgres does without the hyphens. */
export const ID_OF_N = `(lpad(to_hex(${LONG_AGO} + n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid`;

/** The identifier of the nth book a table holds. */
export const identifierOf = (n: number): string => `held-${n}`;

/** A book that no table holds; `mark` tells those of one request from those of all others. */
export const newBook = (mark: string, n: number): NewBook => ({
  identifier: `${mark}-${n}`,
  name: 'A Brief Horror Story of Time',
  author: 'Stephen "Hawk" King', // quotes, for JSON to escape
  releaseYear: 1900 + (n % 200),
});

/** So many books that no table holds. */
export const newBooks = (mark: string, count: number): NewBook[] => upTo(count, (n) => newBook(mark, n));

/** What `make` gives for each number from 1 to `count`. */
export const upTo = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index + 1));

/** The body of a request. */
export const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** A file of values, one a line. */
export const ndjson = (values: unknown[]): Buffer =>
  Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
