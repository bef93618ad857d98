import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';

/** The most bytes a line may have, and the most characters a CSV record of several lines. */
export const LONGEST = 1_048_576; // more than any record of a table needs, and little for each of many uploads to hold

/** What stands between two line feeds of a file. */
export type TextLine = string | UnreadableLine;

/** A line of too many bytes, without any text, or one that is not UTF-8, with U+FFFD for what is not. */
export interface UnreadableLine {
  code: 'too_long' | 'encoding';
  detail: string;
  text: string;
}

const LF = 0x0a;
const BOM = Buffer.from('\ufeff');
const MOST_PIECES = 1_000; // of one line that comes byte by byte: each piece costs a hundred bytes besides its own

/** The lines of a file, as many at a time as a chunk ends. A last line feed ends the last line and begins none. */
export async function* textLinesOf(body: Readable): AsyncGenerator<TextLine[]> {
  let pieces: Buffer[] = []; // of the line whose end has not come yet
  let length = 0;
  let isFirst = true;
  const take = (lastPiece: Buffer): TextLine[] => {
    const block = Buffer.concat([...pieces, lastPiece]);
    const hasBom = isFirst && block.subarray(0, BOM.length).equals(BOM);
    pieces = [];
    length = 0;
    isFirst = false;
    return split(hasBom ? block.subarray(BOM.length) : block);
  };

  for await (const chunk of body as AsyncIterable<Buffer>) {
    const end = chunk.lastIndexOf(LF);
    if (end >= 0) yield take(chunk.subarray(0, end));
    if (length > LONGEST + BOM.length) continue; // too long whatever follows, which need not be kept
    const rest = chunk.subarray(end + 1);
    pieces.push(rest);
    length += rest.length;
    if (pieces.length > MOST_PIECES) pieces = [Buffer.concat(pieces)];
  }
  if (length) yield take(Buffer.alloc(0));
}

function split(block: Buffer): TextLine[] {
  if (block.length <= LONGEST && isUtf8(block)) return block.toString().split('\n');
  const lines: TextLine[] = [];
  for (let start = 0, end = 0; end < block.length; start = end + 1) {
    const found = block.indexOf(LF, start);
    end = found < 0 ? block.length : found;
    lines.push(textLine(block.subarray(start, end)));
  }
  return lines;
}

function textLine(bytes: Buffer): TextLine {
  if (bytes.length > LONGEST) return { code: 'too_long', detail: 'The line is longer than 1 MiB.', text: '' };
  const text = bytes.toString();
  return isUtf8(bytes) ? text : { code: 'encoding', detail: 'The line is not UTF-8.', text };
}
