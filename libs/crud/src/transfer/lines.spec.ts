import * as fc from 'fast-check';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Problem } from '../problem/problem';
import { type Encoding, encodingOf, unzipped } from './body';
import { Columns } from './columns';
import { Line } from './line';
import { linesOf } from './lines';

const COLUMNS: Columns = new Map([
  ['a', 'text'],
  ['b', 'number'],
]);
const FORMATS = ['ndjson', 'csv'] as const;
const HEADER = { ndjson: '', csv: 'a,b\n' };
const ROW = { ndjson: '{"a":"x","b":1}\n', csv: 'x,1\n' };
const MIB = 1_048_576;

type Format = (typeof FORMATS)[number];

const all = (lines: AsyncGenerator<Line[]>): Promise<Line[][]> => Readable.from(lines).toArray();

/** The lines of a file that comes in these chunks, or the problem it makes. */
async function read(chunks: Buffer[], format: Format, encoding: Encoding = 'identity'): Promise<unknown> {
  try {
    return (await all(linesOf(unzipped(Readable.from(chunks), encoding), format, COLUMNS))).flat();
  } catch (error) {
    if (error instanceof Problem) return error.body;
    throw error;
  }
}

const cut = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_chunk, n) => bytes.subarray(n * size, (n + 1) * size));

/** A file without end that counts the bytes it gave; zipped, each chunk is a member of its own. */
class Endless extends Readable {
  given = 0;
  private readonly rows: Buffer;

  constructor(format: Format, encoding: Encoding) {
    super();
    const encode = (text: string) => (encoding === 'gzip' ? gzipSync(text) : Buffer.from(text));
    this.rows = encode(ROW[format].repeat(4_000));
    this.push(encode(HEADER[format] + ROW[format]));
  }

  override _read(): void {
    this.given += this.rows.length;
    this.push(this.rows);
  }
}

describe.each(FORMATS)('The lines of %s', (format) => {
  it('are the same wherever the chunks end', async () => {
    const texts = [
      '\n',
      '\n',
      '\r\n',
      '"',
      '""',
      ',',
      '"a"',
      '\ufeff',
      'é',
      '\u{1f9d9}',
      ' ',
      '{',
      '{"b":2}\n',
      'x,1\n',
    ];
    const pieces = [...texts.map((text) => Buffer.from(text)), Buffer.from([0xff])];
    const file = fc.tuple(
      fc.constantFrom('', 'a,b\n', '\ufeffb,a\r\n'),
      fc.array(fc.constantFrom(...pieces), { maxLength: 25 }),
    );
    const bytes = file.map(([head, rest]) => Buffer.concat([Buffer.from(head), ...rest]));
    await fc.assert(
      fc.asyncProperty(bytes, fc.func(fc.boolean()), async (whole, endsAt) => {
        const chunks: Buffer[] = [];
        for (let start = 0, end = 1; end <= whole.length; end++) {
          if (end < whole.length && !endsAt(end)) continue;
          chunks.push(whole.subarray(start, end));
          start = end;
        }
        expect(await read(chunks, format)).toEqual(await read([whole], format));
        expect(await read(cut(whole, 1), format)).toEqual(await read([whole], format));
      }),
      { numRuns: 500 },
    );
  });

  it.each([1_000, 65_536, 9 * MIB])('may have 1 MiB and no byte more, in chunks of %i', async (size) => {
    const rest = { ndjson: '{"a":""}', csv: ',1' }[format].length;
    const rowOf = (text: string) => ({ ndjson: `{"a":"${text}"}`, csv: `${text},1` })[format];
    const longest = rowOf('x'.repeat(MIB - rest));
    const tooLong = rowOf(`${'x'.repeat(MIB - rest)}x`);
    for (const end of ['', '\n', `\n${ROW[format]}`]) {
      const file = (row: string) => cut(Buffer.from(HEADER[format] + ROW[format] + row + end), size);
      const [, good] = (await read(file(longest), format)) as Line[];
      expect(good).toHaveProperty('value.a.length', MIB - rest);
      const [, bad] = (await read(file(tooLong), format)) as Line[];
      expect(bad).toMatchObject({ line: good.line, cause: { status: 422, code: 'too_long' } });
    }
  });

  it('come at most a thousand at a time, and no later than the end of their chunk', async () => {
    const chunks = [HEADER[format] + ROW[format].repeat(2_500), ROW[format], ROW[format].slice(0, -1), '\n'];
    const batches = linesOf(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), format, COLUMNS);
    expect((await all(batches)).map(({ length }) => length)).toEqual([1_000, 1_000, 500, 1, 1]);
  });

  describe.each(['identity', 'gzip'] as const)('in a body with Content-Encoding %s', (encoding) => {
    let body: Endless;
    let lines: AsyncGenerator<Line[]>;
    beforeEach(() => {
      body = new Endless(format, encoding);
      lines = linesOf(unzipped(body, encoding), format, COLUMNS);
    });
    afterEach(() => lines.return(undefined));

    it('are read no faster than they are taken', async () => {
      for (let batch = 0; batch < 4; batch++) await lines.next();
      for (let turn = 0; turn < 100; turn++) await setImmediate(); // for whatever would go on by itself
      const { given } = body;
      for (let turn = 0; turn < 100; turn++) await setImmediate();
      expect(body.given).toBe(given);
      expect(given).toBeLessThan(4 * 65_536); // a stream holds as much in wait
    });

    it('destroy the body when nobody takes more of them', async () => {
      for await (const batch of lines) {
        expect(batch).not.toHaveLength(0);
        break;
      }
      await setImmediate();
      expect(body.destroyed).toBe(true);
    });

    it('end in a problem when the body breaks off', async () => {
      await lines.next();
      body.destroy();
      await expect(all(lines)).rejects.toMatchObject({ body: { status: 400, code: 'incomplete_body' } });
    });

    it('end in a problem when the body broke off before anyone read', async () => {
      body.destroy();
      await setImmediate();
      await expect(lines.next()).rejects.toMatchObject({ body: { status: 400, code: 'incomplete_body' } });
    });

    it('end in the error of the body when that says more', async () => {
      await lines.next();
      body.destroy(new Error('The disk is gone.'));
      await expect(all(lines)).rejects.toThrow('The disk is gone.');
    });
  });

  describe('in gzip', () => {
    const file = Buffer.from(HEADER[format] + ROW[format].repeat(3));
    const zipped = gzipSync(file);

    it('are those of the file, wherever the chunks end and however many members it has', async () => {
      const plain = await read([file], format);
      expect(plain).toHaveLength(3);
      expect(await read([zipped], format, 'gzip')).toEqual(plain);
      expect(await read(cut(zipped, 1), format, 'gzip')).toEqual(plain);
      const members = Buffer.concat([gzipSync(file.subarray(0, 7)), gzipSync(file.subarray(7))]);
      expect(await read([members], format, 'gzip')).toEqual(plain);
    });

    it.each([
      ['plain text', file],
      ['nothing', Buffer.alloc(0)],
      ['gzip without its last byte', zipped.subarray(0, -1)],
      ['gzip without its end', zipped.subarray(0, 20)],
      ['gzip with another sum', Buffer.from(zipped).fill(0, zipped.length - 8, zipped.length - 4)],
      ['gzip and something more', Buffer.concat([zipped, Buffer.from('more')])],
    ])('end in a problem when the body is %s', async (_name, bytes) => {
      expect(await read([bytes], format, 'gzip')).toMatchObject({ status: 400, code: 'malformed_gzip' });
    });
  });
});

describe('encodingOf()', () => {
  it.each([
    [undefined, 'identity'],
    ['Identity', 'identity'],
    ['gzip', 'gzip'],
    [' GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
  ])('takes a Content-Encoding of %s for %s', (header, encoding) => {
    expect(encodingOf(header)).toBe(encoding);
  });

  it.each(['br', 'deflate', 'gzip, gzip', ''])('refuses a Content-Encoding of "%s"', (header) => {
    expect(() => encodingOf(header)).toThrow(expect.objectContaining({ status: 415 }));
  });
});

describe('The lines of a request', () => {
  it.each(['identity', 'gzip'] as const)(
    'leave the connection to the answer when nobody takes more (%s)',
    async (encoding) => {
      const server = createServer((upload, response) => {
        const lines = linesOf(unzipped(upload, encoding), 'csv', COLUMNS);
        lines
          .next()
          .catch((error: Problem) =>
            response.writeHead(error.getStatus(), { Connection: 'close' }).end(error.body.code),
          );
      });
      await new Promise<void>((resolve) => server.listen(0, resolve));
      const { port } = server.address() as AddressInfo;
      const answer = await new Promise((resolve, reject) => {
        const upload = request({ port, method: 'POST' }, (response) => {
          resolve(text(response));
        });
        upload.on('error', reject);
        upload.write(encoding === 'gzip' ? gzipSync('a,c\n') : 'a,c\n'); // and more would follow
      });
      expect(answer).toBe('unknown_field');
      server.closeAllConnections();
      server.close();
    },
  );
});
