import type { Readable } from 'node:stream';
import { v7 as uuidv7 } from 'uuid';

/** What one line of an import holds. */
export interface NewBook {
  identifier: string;
  name: string;
  author: string;
  releaseYear?: number | null;
}

/** A line that is no book; the message says which. */
export class BadLine extends Error {
  readonly statusCode = 422;
}

/** The lines of an NDJSON body as what COPY takes, a piece for each piece that arrives. Throws at the first bad line. */
export async function* copyLines(body: Readable, isValid: (value: unknown) => boolean): AsyncGenerator<string> {
  let count = 0;
  let rest = '';
  for await (const piece of body.setEncoding('utf8')) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    yield lines.map(copyLine).join('');
  }
  if (rest) yield copyLine(rest);

  function copyLine(line: string): string {
    count++;
    const book = parsed(line);
    if (!isValid(book)) throw new BadLine(`Line ${count} is not a book.`);
    const { identifier, name, author, releaseYear } = book as NewBook;
    return `${uuidv7()}\t${escape(identifier)}\t${escape(name)}\t${escape(author)}\t${releaseYear ?? '\\N'}\t1\n`;
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const ESCAPED: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
const escape = (text: string): string => text.replace(/[\\\t\n\r]/g, (character) => ESCAPED[character]);
