import { unescapeFormula } from './formula';

/** How the cells of a column are read; those of an `ignored` one are not, for only the system writes them. */
export type ColumnKind = 'text' | 'number' | 'boolean' | 'json' | 'ignored';

/** The columns a file may have. In NDJSON they are fields, and only the `ignored` ones matter. */
export type Columns = ReadonlyMap<string, ColumnKind>;

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/; // as JSON writes it

/** What text in a cell means. Text that is nothing of its kind stays text, for the check of the shape to refuse. */
export const readCell: Partial<Record<ColumnKind, (text: string) => unknown>> = {
  text: unescapeFormula,
  number: (text) => (NUMBER.test(text) ? Number(text) : text),
  boolean: (text) => (text === 'true' || text === 'false' ? text === 'true' : text),
  json: (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  },
};
