import { Line, LineReader, refused } from './line';
import { TextLine } from './text-lines';

const BLANK = /^[ \t\r]*$/;

/** Reads newline-delimited JSON: an object on each line, of which the fields called `ignored` are dropped. */
export class NdjsonReader implements LineReader {
  private line = 0;

  constructor(private readonly ignored: string[]) {}

  read(text: TextLine): Line | undefined {
    const line = ++this.line;
    if (typeof text !== 'string') return refused(line, text.code, text.detail);
    if (BLANK.test(text)) return undefined;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return refused(line, 'malformed_json', 'The line is not JSON.');
    }
    if (!isObject(value)) return refused(line, 'type', 'An object is expected here.');
    for (const name of this.ignored) delete value[name];
    return { line, value };
  }

  end(): undefined {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
