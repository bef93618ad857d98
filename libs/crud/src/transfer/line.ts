import { Cause } from '../problem/problem';
import { TextLine } from './text-lines';

/** One line of a file: its number, from 1, and what it says, or what is wrong with it. */
export type Line = { line: number; value: Record<string, unknown> } | { line: number; cause: Cause };

/** What a format makes of a file's lines, which it is given one after the other. */
export interface LineReader {
  /** What is read once this line is known; nothing after a blank line, or when more lines belong to it. */
  read(text: TextLine): Line | undefined;
  /** What is read once the file has ended. */
  end(): Line | undefined;
}

/** A line that cannot be taken. */
export const refused = (line: number, code: string, detail: string): Line => ({
  line,
  cause: { status: 422, code, pointer: '', detail },
});
