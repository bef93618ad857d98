import { LONGEST, TextLine } from './text-lines';

/** What a cell holds; null is one that is empty and has no quotes. */
export type Cell = string | null;

/** What keeps a record from being read. */
export interface Fault {
  code: 'malformed_csv' | 'encoding' | 'too_long';
  detail: string;
}

/** A record of a CSV file: its first line and its last, its cells, and the fault that makes them worthless. */
export interface CsvRecord {
  first: number;
  last: number;
  cells: Cell[];
  fault?: Fault;
}

const TOO_LONG: Fault = {
  code: 'too_long',
  detail: 'The record is longer than 1 MiB, perhaps because a quote never closes. Nothing after it was read.',
};
const UNCLOSED: Fault = { code: 'malformed_csv', detail: 'A quote opens a cell and nothing closes it.' };

/**
 * The records that lines make by RFC 4180; blank lines make none. A misplaced quote spoils its own record. One that never
 * closes, or a record that is too long, spoils all that follows: nobody can say where the next record begins.
 */
export class CsvRecords {
  private line = 0;
  private record: UnfinishedRecord | undefined;
  private isOver = false;

  /** The record that ends with this line, if one does. */
  read(raw: TextLine): CsvRecord | undefined {
    this.line++;
    if (this.isOver) return undefined;
    if (!this.record && typeof raw === 'string' && !raw.includes('"')) return this.withoutQuotes(raw);

    this.record ??= new UnfinishedRecord(this.line);
    const isFinished = this.record.add(raw);
    this.isOver = this.record.isTooLong;
    if (this.isOver) return this.finish(TOO_LONG);
    return isFinished ? this.finish(this.record.fault) : undefined;
  }

  /** The record that ends with the file, if one does. */
  end(): CsvRecord | undefined {
    return this.record && this.finish(UNCLOSED);
  }

  private withoutQuotes(raw: string): CsvRecord | undefined {
    const text = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (text === '') return undefined;
    return { first: this.line, last: this.line, cells: text.split(',').map(unquoted) };
  }

  private finish(fault: Fault | undefined): CsvRecord {
    const { first, cells } = this.record!;
    this.record = undefined;
    return { first, last: this.line, cells, fault };
  }
}

/** A record on its way: a cell between quotes may hold line feeds, so more lines can follow. */
class UnfinishedRecord {
  readonly cells: Cell[] = [];
  fault: Fault | undefined;
  private length = 0; // of the lines that did not end it
  private open: string | undefined; // the cell whose closing quote has not come yet, its own quotes still doubled

  constructor(readonly first: number) {}

  get isTooLong(): boolean {
    return this.length > LONGEST;
  }

  /** Reads one more line; true when the record ends with it. */
  add(raw: TextLine): boolean {
    if (typeof raw === 'string') return this.addText(raw);
    this.fault ??= raw;
    if (raw.code === 'too_long') this.length = Infinity;
    return this.addText(raw.text); // what is not UTF-8 in it hides no quote and no comma
  }

  private addText(text: string): boolean {
    const end = text.endsWith('\r') ? text.length - 1 : text.length;
    for (let at = 0; ;) {
      if (this.open === undefined && text[at] !== '"') {
        const comma = text.indexOf(',', at);
        const cell = text.slice(at, comma < 0 ? end : comma);
        if (cell.includes('"')) return this.spoil('A quote stands in a cell that does not begin with one.');
        this.cells.push(unquoted(cell));
        if (comma < 0) return true;
        at = comma + 1;
      } else {
        const start = this.open === undefined ? at + 1 : at;
        const close = closingQuote(text, start);
        this.open = (this.open ?? '') + text.slice(start, close < 0 ? undefined : close);
        if (close < 0) return this.goOn(text);
        this.cells.push(this.open.replaceAll('""', '"'));
        this.open = undefined;
        if (close + 1 === end) return true;
        if (text[close + 1] !== ',') return this.spoil('Text follows the quote that closes a cell.');
        at = close + 2;
      }
    }
  }

  private goOn(text: string): false {
    this.open += '\n';
    this.length += text.length + 1;
    return false;
  }

  private spoil(detail: string): true {
    this.fault ??= { code: 'malformed_csv', detail };
    return true;
  }
}

const unquoted = (cell: string): Cell => (cell === '' ? null : cell);

function closingQuote(text: string, start: number): number {
  for (let at = text.indexOf('"', start); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  return -1;
}
