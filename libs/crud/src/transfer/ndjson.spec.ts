import * as fc from 'fast-check';
import { Readable } from 'node:stream';
import { ColumnKind } from './columns';
import { Line } from './line';
import { linesOf } from './lines';

async function read(file: string | Buffer, columns: [string, ColumnKind][] = []): Promise<Line[]> {
  const body = Readable.from([Buffer.from(file)]);
  return (await Readable.from(linesOf(body, 'ndjson', new Map(columns))).toArray()).flat() as Line[];
}
const refusal = (line: number, code: string) => ({ line, cause: expect.objectContaining({ status: 422, code }) });

describe('NDJSON', () => {
  it('is an object on each line, ended by LF, CRLF or the end of the file', async () => {
    expect(await read('{"a":1}\n{"a":null}\r\n {"a":"\\n"} ')).toEqual([
      { line: 1, value: { a: 1 } },
      { line: 2, value: { a: null } },
      { line: 3, value: { a: '\n' } },
    ]);
  });

  it.each(['', '\n', '\ufeff', '\r\n\r\n'])('is nothing in the file %j', async (file) => {
    expect(await read(file)).toEqual([]);
  });

  it('counts blank lines and skips them, and skips a byte order mark', async () => {
    expect(await read('\ufeff\n{"a":1}\n\r\n \t \n\n{"a":2}\n\n')).toEqual([
      { line: 2, value: { a: 1 } },
      { line: 6, value: { a: 2 } },
    ]);
  });

  it.each([
    ['malformed_json', ['{', '{"a":1} {"a":2}', "{'a':1}", '\ufeff{}', 'NaN', '\u00a0', '{"a":"\t"}']],
    ['type', ['1', '"a"', 'null', 'true', '[]', '[{"a":1}]']],
  ])('refuses as %s a line that is no object, and goes on', async (code, lines) => {
    const file = lines.flatMap((line) => ['{"a":1}', line, '{"a":2}']).join('\n');
    const found = await read(file);
    expect(found).toEqual(
      lines.flatMap((_line, n) => [
        { line: 3 * n + 1, value: { a: 1 } },
        refusal(3 * n + 2, code),
        { line: 3 * n + 3, value: { a: 2 } },
      ]),
    );
  });

  it.each([
    ['a byte that begins no character', [0xff]],
    ['half a character', [0xe2, 0x82]],
    ['half a surrogate pair', [0xed, 0xa0, 0x80]],
    ['a NUL written too long', [0xc0, 0x80]],
  ])('refuses %s, and only the line it stands in', async (_name, bytes) => {
    const file = Buffer.concat([Buffer.from('{"a":"é"}\n{"a":"'), Buffer.from(bytes), Buffer.from('"}\n{"a":"€"}')]);
    expect(await read(file)).toEqual([
      { line: 1, value: { a: 'é' } },
      refusal(2, 'encoding'),
      { line: 3, value: { a: '€' } },
    ]);
  });

  it('refuses a line longer than 1 MiB, not counting a byte order mark, and goes on', async () => {
    const line = (length: number) => `{"a":"${'x'.repeat(length - 8)}"}`;
    const file = Buffer.from(`\ufeff${line(1_048_576)}\n${line(1_048_577)}\n{"a":1}`);
    const body = Readable.from(Array.from({ length: 3_000 }, (_chunk, n) => file.subarray(n * 1_000, (n + 1) * 1_000)));
    expect((await Readable.from(linesOf(body, 'ndjson', new Map())).toArray()).flat()).toEqual([
      { line: 1, value: { a: expect.any(String) as string } },
      refusal(2, 'too_long'),
      { line: 3, value: { a: 1 } },
    ]);
  });

  it('drops the fields that are ignored, so that an export can be imported', async () => {
    const columns: [string, ColumnKind][] = [
      ['id', 'ignored'],
      ['version', 'ignored'],
      ['a', 'text'],
    ];
    expect(await read('{"id":"x","a":"\'=1","version":3,"b":{"id":1}}', columns)).toEqual([
      { line: 1, value: { a: "'=1", b: { id: 1 } } },
    ]);
  });

  it('keeps a field called __proto__ a field, for the check of the shape to refuse', async () => {
    const [line] = await read('{"id":1,"__proto__":{"isAdmin":true}}', [['id', 'ignored']]);
    const { value } = line as { value: object };
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(['__proto__']);
  });

  it('gives back whatever JSON was written', async () => {
    const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' }));
    await fc.assert(
      fc.asyncProperty(fc.array(object), async (objects) => {
        const texts = objects.map((object) => JSON.stringify(object));
        const expected = texts.map((text, index) => ({ line: index + 1, value: JSON.parse(text) as unknown }));
        expect(await read(texts.join('\n'))).toStrictEqual(expected);
      }),
    );
  });
});
