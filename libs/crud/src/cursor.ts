import { isUUID } from 'class-validator';
import { Problem } from './problem/problem';

/** The last record of a page, after which the next one goes on. */
export interface Position {
  createdAt: Date;
  id: string;
}

/** The word that stands for a position in `nextCursor`. */
export const cursorAt = ({ createdAt, id }: Position): string =>
  Buffer.from(JSON.stringify([createdAt.toISOString(), id])).toString('base64url');

/** The position a cursor stands for. Throws 400 for a word that none of our answers held. */
export function positionAt(cursor: string): Position {
  const parts = parse(cursor);
  if (Array.isArray(parts) && parts.length === 2) {
    const [createdAt, id] = parts as unknown[];
    if (isTime(createdAt) && isUUID(id, 'loose')) return { createdAt: new Date(createdAt), id: id as string };
  }
  throw Problem.of([
    {
      status: 400,
      code: 'malformed_cursor',
      pointer: '/cursor',
      detail: 'cursor is not one that an answer gave as nextCursor.',
    },
  ]);
}

/** Whether `value` is a time as JSON spells it; other spellings never came from us. */
const isTime = (value: unknown): value is string =>
  typeof value === 'string' && !Number.isNaN(Date.parse(value)) && new Date(value).toISOString() === value;

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return undefined;
  }
}
