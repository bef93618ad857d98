import type { Type } from '@nestjs/common';
import { ColumnOptions, getMetadataArgsStorage } from 'typeorm';
import { checkShape } from '../input/check-shape';
import { inheritance, kindOf } from '../reading/list-fields';
import { fieldsOf } from '../shapes';
import { ColumnKind, Columns } from './columns';
import { ImportLine } from './importer';
import { Line } from './line';

/** The lines of a file, each checked as strictly as a single record. */
export async function* checkedLines<T extends object>(
  Shape: Type<T>,
  batches: AsyncIterable<Line[]>,
): AsyncIterable<ImportLine<T>[]> {
  for await (const lines of batches) {
    yield lines.map((read) => {
      if ('cause' in read) return { line: read.line, causes: [read.cause] };
      const { value, causes } = checkShape(Shape, read.value);
      return value ? { line: read.line, value } : { line: read.line, causes };
    }) as ImportLine<T>[];
  }
}

/** How the columns of a file are read: those that clients write by their type; those that only the system writes, not. */
export function columnsOf(Entity: Type<unknown>, create: Type<unknown>, shown: string[]): Columns {
  const written = fieldsOf(create);
  const types = new Map(
    getMetadataArgsStorage()
      .filterColumns(inheritance(Entity))
      .map(({ propertyName, options }) => [propertyName, options]),
  );
  return new Map(
    [...written, ...shown].map((name): [string, ColumnKind] => {
      return [name, written.includes(name) ? cellsOf(types.get(name)) : 'ignored'];
    }),
  );
}

/** What the cells of a column are to be read as, so that they are what JSON would have said. */
function cellsOf({ type, array }: ColumnOptions = { type: 'text' }): ColumnKind {
  const kind = array ? undefined : kindOf(type);
  if (!kind) return 'json';
  const isNumber = kind === 'number' || (kind === 'integer' && type !== 'bigint' && type !== 'int8');
  if (isNumber) return 'number';
  return kind === 'boolean' ? 'boolean' : 'text';
}
