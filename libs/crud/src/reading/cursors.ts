import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable, OnModuleInit } from '@nestjs/common';
import { Settings } from '@app/config';
import { KeysService } from '@app/tenancy';
import { Problem } from '../problem/problem';

/** The values a list is sorted by, of the last record of a page: as text, for a Date would lose microseconds. */
export type Position = (string | null)[];

const MAC_BYTES = 16; // 128 bits: nobody guesses one, and a cursor stays short
const LIST_BYTES = 6; // only to say what is wrong; the MAC covers the whole

/** In characters. Node reads no more than 16 KiB of a URL and its headers, and the filter needs room as well. */
export const LONGEST_CURSOR = 5_000;

/** The word that stands for a position in a list. Nobody can make one up, or use it in another list, tenant or order. */
@Injectable()
export class Cursors implements OnModuleInit {
  private secret?: string;

  constructor(
    private readonly settings: Settings,
    private readonly keys: KeysService,
  ) {}

  /** A request would read the key over a second connection, and might hold the last one of the pool itself. */
  async onModuleInit(): Promise<void> {
    await this.key().catch(() => undefined); // before the migrations there is none, and nothing to list
  }

  /** `list` is whatever tells this list from any other: its tenant, table, order and filter. */
  async seal(list: string, position: Position): Promise<string> {
    const said = Buffer.from(JSON.stringify([digest(list), ...position]));
    const cursor = await this.sealed(list, said);
    if (cursor.length <= LONGEST_CURSOR) return cursor;
    throw refusal('too_long', 'sort cannot go by a field that holds texts as long as here.', '/sort');
  }

  /** Throws 400 for a word that none of this list's pages held. */
  async open(list: string, cursor: string): Promise<Position> {
    const said = Buffer.from(cursor.split('.')[0], 'base64url');
    if (areSame(cursor, await this.sealed(list, said))) {
      return (JSON.parse(said.toString()) as [string, ...Position]).slice(1);
    }
    throw isOfAnotherList(said, list)
      ? refusal('other_list', 'cursor belongs to a list with another sort or filter: repeat those it came with.')
      : refusal('malformed_cursor', 'cursor is not one that an answer gave as nextCursor.');
  }

  private async sealed(list: string, said: Buffer): Promise<string> {
    const mac = createHmac('sha256', await this.key())
      .update(list)
      .update('\0')
      .update(said)
      .digest();
    return `${said.toString('base64url')}.${mac.subarray(0, MAC_BYTES).toString('base64url')}`;
  }

  private async key(): Promise<string> {
    return (this.secret ??= this.settings.cursorSecret ?? (await this.keys.valueOf('cursor')));
  }
}

/** Whether two words are the same, letter by letter: several may decode to the same bytes. Takes no less time if not. */
function areSame(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}

const digest = (list: string): string =>
  createHash('sha256').update(list).digest().subarray(0, LIST_BYTES).toString('base64url');

/** Whether `said` has the form of a cursor, but names another list. Not to be relied on: it is unauthenticated. */
function isOfAnotherList(said: Buffer, list: string): boolean {
  try {
    const parts = JSON.parse(said.toString()) as unknown;
    return Array.isArray(parts) && typeof parts[0] === 'string' && parts[0] !== digest(list);
  } catch {
    return false;
  }
}

const refusal = (code: string, detail: string, pointer = '/cursor'): Problem =>
  Problem.of([{ status: 400, code, pointer, detail }]);
