import type { Readable } from 'node:stream';
import { bodyProblem } from './body';
import { Columns } from './columns';
import { CsvReader } from './csv';
import { Line } from './line';
import { NdjsonReader } from './ndjson';
import { textLinesOf } from './text-lines';

const BATCH = 1_000; // lines: enough to share the cost of a statement, few enough to wait for

/**
 * The lines of a file in batches of at most a thousand, read no faster than they are taken. Whoever stops early destroys the
 * body. Throws when the header is wrong or the body broken; what is wrong with a line is said in its place.
 */
export async function* linesOf(
  body: Readable,
  format: 'ndjson' | 'csv',
  columns: Columns,
  { raw = false } = {},
): AsyncGenerator<Line[]> {
  const ignored = [...columns.keys()].filter((name) => columns.get(name) === 'ignored');
  const reader = format === 'csv' ? new CsvReader(columns, raw) : new NdjsonReader(ignored);
  try {
    for await (const texts of textLinesOf(body)) {
      let batch: Line[] = [];
      for (const text of texts) {
        const line = reader.read(text);
        if (!line) continue;
        batch.push(line);
        if (batch.length === BATCH) {
          yield batch;
          batch = [];
        }
      }
      if (batch.length) yield batch;
    }
    const last = reader.end();
    if (last) yield [last];
  } catch (error) {
    throw bodyProblem(error);
  }
}
