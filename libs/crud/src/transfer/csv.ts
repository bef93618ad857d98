import { Cause, Problem } from '../problem/problem';
import { Columns, readCell } from './columns';
import { CsvRecord, CsvRecords } from './csv-records';
import { Line, LineReader, refused } from './line';
import { TextLine } from './text-lines';

/** A column of the file at hand; one without `read` is ignored. */
interface Column {
  name: string;
  read?: (text: string) => unknown;
}

/** Reads CSV whose first record names the columns; with `raw`, text keeps the apostrophe that makes formulas harmless. */
export class CsvReader implements LineReader {
  private readonly records = new CsvRecords();
  private header: Column[] | undefined;

  constructor(
    private readonly columns: Columns,
    private readonly raw: boolean,
  ) {}

  read(text: TextLine): Line | undefined {
    return this.take(this.records.read(text));
  }

  end(): Line | undefined {
    const line = this.take(this.records.end());
    if (!this.header) throw Problem.of([wrongHeader('required', '', 'A CSV file begins with a header.')]);
    return line;
  }

  private take(record: CsvRecord | undefined): Line | undefined {
    if (!record) return undefined;
    if (this.header) return lineOf(record, this.header);
    this.header = this.headerOf(record);
    return undefined;
  }

  private headerOf({ cells, fault }: CsvRecord): Column[] {
    if (fault) throw Problem.of([wrongHeader(fault.code, '', fault.detail)]);
    const names = cells.map((cell) => cell ?? '');
    const causes = names.flatMap((name, place) => {
      const pointer = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      if (!this.columns.has(name)) return wrongHeader('unknown_field', pointer, `${name} is not a field here.`);
      return names.indexOf(name) < place
        ? wrongHeader('duplicate', pointer, `${name} stands in the header twice.`)
        : [];
    });
    if (causes.length) throw Problem.of(causes);

    return names.map((name) => {
      const kind = this.columns.get(name)!;
      return { name, read: kind === 'text' && this.raw ? String : readCell[kind] };
    });
  }
}

function lineOf({ first, last, cells, fault }: CsvRecord, header: Column[]): Line {
  const extent = last > first ? ` The record reaches to line ${last}.` : '';
  if (fault) return refused(first, fault.code, fault.detail + extent);
  if (cells.length !== header.length) {
    const count = `The header names ${header.length} columns, and the record has cells for ${cells.length}.`;
    return refused(first, 'cell_count', count + extent);
  }
  const value: Record<string, unknown> = {};
  for (let place = 0; place < header.length; place++) {
    const { name, read } = header[place];
    const cell = cells[place];
    if (read) value[name] = cell === null ? null : read(cell);
  }
  return { line: first, value };
}

const wrongHeader = (code: string, pointer: string, detail: string): Cause => ({ status: 422, code, pointer, detail });
