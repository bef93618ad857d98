import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { Readable } from 'node:stream';
import { ColumnKind } from './columns';
import { Cell, CsvRecord, CsvRecords } from './csv-records';
import { escapeFormula } from './formula';
import { Line } from './line';
import { linesOf } from './lines';

const COLUMNS: [string, ColumnKind][] = [
  ['id', 'ignored'],
  ['a', 'text'],
  ['b', 'text'],
  ['number', 'number'],
  ['boolean', 'boolean'],
  ['json', 'json'],
  ['~/', 'text'],
];
async function read(file: string | Buffer, options?: { raw: boolean }): Promise<Line[]> {
  const body = Readable.from([Buffer.from(file)]);
  return (await Readable.from(linesOf(body, 'csv', new Map(COLUMNS), options)).toArray()).flat() as Line[];
}
const values = async (...file: Parameters<typeof read>) =>
  (await read(...file)).map((line) => ('value' in line ? line.value : line.cause.code));
const refusal = (line: number, code: string, detail = '') => ({
  line,
  cause: { status: 422, code, pointer: '', detail: expect.stringContaining(detail) },
});

describe('A CSV file', () => {
  it('is a header, and a record on each line, ended by LF, CRLF or the end of the file', async () => {
    expect(await read('\ufeffb,a\n1,2\r\n"3","4"\r\n5,6')).toEqual([
      { line: 2, value: { b: '1', a: '2' } },
      { line: 3, value: { b: '3', a: '4' } },
      { line: 4, value: { b: '5', a: '6' } },
    ]);
  });

  it('says in which line a record begins, and skips blank ones', async () => {
    expect(await read('\n"a","b"\r\n\r\n"1\n\n2","\r\n"\n\n3,4\n\n')).toEqual([
      { line: 4, value: { a: '1\n\n2', b: '\r\n' } },
      { line: 9, value: { a: '3', b: '4' } },
    ]);
  });

  it('has commas, line feeds and doubled quotes in cells between quotes', async () => {
    expect(await values('a,b\n"1,2\n3,""4""",""""\n" 5 ",6 ')).toEqual([
      { a: '1,2\n3,"4"', b: '"' },
      { a: ' 5 ', b: '6 ' },
    ]);
  });

  it('tells null, an empty cell, from the empty text, two quotes', async () => {
    expect(await values('a,b,number\n,"",\r\n"",,""\n')).toEqual([
      { a: null, b: '', number: null },
      { a: '', b: null, number: '' },
    ]);
  });

  it('drops the cells of columns that are ignored, so that an export can be imported', async () => {
    expect(await values('id,a\nx,1\n,2')).toEqual([{ a: '1' }, { a: '2' }]);
  });

  it('reads a cell as its column says, and leaves what is nothing of the kind to the check of the shape', async () => {
    const cells: [string, string, unknown][] = [
      ['number', '1', 1],
      ['number', '"-0.5e3"', -500],
      ['number', '01', '01'],
      ['number', '1_000', '1_000'],
      ['number', '0x10', '0x10'],
      ['number', ' 1', ' 1'],
      ['number', 'NaN', 'NaN'],
      ['boolean', 'true', true],
      ['boolean', '"false"', false],
      ['boolean', 't', 't'],
      ['boolean', 'TRUE', 'TRUE'],
      ['json', '"{""x"":[1,""y""]}"', { x: [1, 'y'] }],
      ['json', 'null', null],
      ['json', '{', '{'],
      ['a', '1', '1'],
      ['a', 'null', 'null'],
    ];
    for (const [column, cell, value] of cells) {
      expect(await values(`${column}\n${cell}`)).toEqual([{ [column]: value }]);
    }
  });

  it('takes the apostrophe off what a spreadsheet would run, unless text is wanted raw', async () => {
    const file = `a,b,number\n'=1,"''@x",1\n'tis,=2,-2`;
    expect(await values(file)).toEqual([
      { a: '=1', b: "'@x", number: 1 },
      { a: "'tis", b: '=2', number: -2 },
    ]);
    expect(await values(file, { raw: true })).toEqual([
      { a: "'=1", b: "''@x", number: 1 },
      { a: "'tis", b: '=2', number: -2 },
    ]);
  });

  it('gives back whatever was written', async () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', '\t', "'", '=', '\\', '.', 'N', 'é', '\u{1f9d9}') }),
      fc.string({ unit: 'binary' }),
    );
    const cell = fc.record({ value: fc.option(text), isQuoted: fc.boolean() });
    const write = ({ value, isQuoted }: { value: string | null; isQuoted: boolean }) => {
      if (value === null) return '';
      const written = escapeFormula(value);
      return isQuoted || !written || /[",\r\n]/.test(written) ? `"${written.replaceAll('"', '""')}"` : written;
    };
    const records = fc.array(fc.tuple(cell, cell));
    await fc.assert(
      fc.asyncProperty(records, fc.constantFrom('\n', '\r\n'), fc.boolean(), async (rows, newline, hasEnd) => {
        const lines = rows.map((row) => row.map(write).join(','));
        const file = ['a,b', ...lines].join(newline) + (hasEnd ? newline : '');
        let line = 2;
        const expected = rows.map(([a, b], index) => {
          const found = { line, value: { a: a.value, b: b.value } };
          line += lines[index].split('\n').length;
          return found;
        });
        expect(await read(file)).toEqual(expected);
      }),
    );
  });
});

describe('The header of a CSV file', () => {
  it.each([
    ['no line at all', '', 'required', ['']],
    ['blank lines only', '\r\n\n', 'required', ['']],
    ['an unknown name', 'a,c,b\n', 'unknown_field', ['/c']],
    ['an empty name', 'a,\n', 'unknown_field', ['/']],
    ['a semicolon for a comma', 'a;b\n1;2', 'unknown_field', ['/a;b']],
    ['a name twice, and again', 'a,~/,a,~/,a\n', 'duplicate', ['/a', '/~0~1', '/a']],
    ['an unknown name and a name twice', 'x/y,id,id\n', 'invalid', ['/x~1y', '/id']],
    ['a misplaced quote', 'a,b"\n1,2', 'malformed_csv', ['']],
    ['a quote that never closes', 'a,"b\n1,2', 'malformed_csv', ['']],
    ['UTF-16', Buffer.from('\ufeffa,b\n1,2\n', 'utf16le'), 'encoding', ['']],
    ['more than 1 MiB', `a,${' '.repeat(1_048_576)}\n1,2`, 'too_long', ['']],
  ])('is refused with all that follows when it is %s', async (_name, file, code, pointers) => {
    const error = await read(file).catch((error: unknown) => error);
    expect(error).toMatchObject({ body: { status: 422, code, errors: pointers.map((pointer) => ({ pointer })) } });
  });
});

describe('A record of a CSV file', () => {
  it('is refused when it has not as many cells as the header, and reading goes on', async () => {
    expect(await read('a,b\n1\n1,2,3\n"1\n2"\n1,\n1,2')).toEqual([
      refusal(2, 'cell_count', 'The header names 2 columns, and the record has cells for 1.'),
      refusal(3, 'cell_count', 'for 3.'),
      refusal(4, 'cell_count', 'reaches to line 5'),
      { line: 6, value: { a: '1', b: null } },
      { line: 7, value: { a: '1', b: '2' } },
    ]);
  });

  it.each(['5" disk,1', '"5" disk",1', '1, "2"', '"a" ,1', '1,"a"""b'])(
    'is refused alone when a quote is misplaced, as in %s',
    async (record) => {
      expect(await read(`a,b\n1,2\n${record}\n3,4`)).toEqual([
        { line: 2, value: { a: '1', b: '2' } },
        refusal(3, 'malformed_csv'),
        { line: 4, value: { a: '3', b: '4' } },
      ]);
    },
  );

  it('is refused with all that follows when its quote never closes, and says so', async () => {
    expect(await read('a,b\n1,2\n3,"4\n5,6\n7,8\n')).toEqual([
      { line: 2, value: { a: '1', b: '2' } },
      refusal(3, 'malformed_csv', 'A quote opens a cell and nothing closes it. The record reaches to line 5.'),
    ]);
  });

  it.each([
    ['in one line', 'x'.repeat(1_048_575)],
    ['in many lines', 'x\n'.repeat(524_288)],
    ['in its second line', `\n${'x'.repeat(1_048_577)}`],
  ])('is refused with all that follows when it is longer than 1 MiB %s, and says so', async (_name, text) => {
    expect(await read(`a,b\n1,2\n"${text}",2\n3,4\n`)).toEqual([
      { line: 2, value: { a: '1', b: '2' } },
      refusal(3, 'too_long', 'Nothing after it was read.'),
    ]);
  });

  it('is refused alone when it is not UTF-8, however many lines it has', async () => {
    const file = Buffer.from('a,b\né,2\n"1\n\xff,""\n",2\n\xff,4\nü,6', 'latin1');
    expect(await read(file)).toEqual([
      refusal(2, 'encoding'),
      refusal(3, 'encoding', 'reaches to line 5'),
      refusal(6, 'encoding'),
      refusal(7, 'encoding'),
    ]);
    const mixed = Buffer.concat([Buffer.from('a,b\né,2\n'), Buffer.from([0xff]), Buffer.from(',2\nü,3')]);
    expect(await read(mixed)).toEqual([
      { line: 2, value: { a: 'é', b: '2' } },
      refusal(3, 'encoding'),
      { line: 4, value: { a: 'ü', b: '3' } },
    ]);
  });
});

describe('CsvRecords', () => {
  function recordsOf(file: string): CsvRecord[] {
    const records = new CsvRecords();
    const lines = file.split('\n');
    if (lines.at(-1) === '') lines.pop();
    return [...lines.map((line) => records.read(line)), records.end()].filter((record) => record !== undefined);
  }
  /** What csv-parse reads; undefined when it refuses the file. */
  function reference(file: string): string[][] | undefined {
    try {
      return parse(file, { relax_column_count: true, skip_empty_lines: true, record_delimiter: ['\r\n', '\n'] });
    } catch {
      return undefined;
    }
  }

  it('reads what csv-parse reads, and finds fault with what csv-parse refuses', () => {
    const file = fc.string({ unit: fc.constantFrom('"', '"', ',', '\n', '\r\n', 'a', ' ', 'é'), maxLength: 30 });
    let refused = 0;
    let read = 0;
    fc.assert(
      fc.property(file, (text) => {
        const records = recordsOf(text);
        const expected = reference(text);
        if (expected) {
          read++;
          const cells = records.map(({ cells }) => cells.map((cell: Cell) => cell ?? ''));
          expect({ cells, faults: records.filter(({ fault }) => fault) }).toEqual({ cells: expected, faults: [] });
        } else {
          refused++;
          expect(records.some(({ fault }) => fault)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(Math.min(refused, read)).toBeGreaterThan(100); // both happen
  });
});
