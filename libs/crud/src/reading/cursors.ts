import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '@app/config';
import { KeysService } from '@app/tenancy';
import { Problem } from '../problem/problem';

/** The values a list is sorted by, of the last record of a page: as text, for a Date would lose microseconds. */
export type Position = (string | null)[];

const MAC_BYTES = 16; // 128 bits: nobody guesses one, and a cursor stays short
const LIST_BYTES = 6; // only to say what is wrong; the MAC covers the whole

/** The word that stands for a position in a list. Nobody can make one up, or use it in another list, tenant or order. */
@Injectable()
export class Cursors {
  private secret?: string;

  constructor(
    private readonly settings: Settings,
    private readonly keys: KeysService,
  ) {}

  /** `list` is whatever tells this list from any other: its tenant, table, order and filter. */
  async seal(list: string, position: Position): Promise<string> {
    const said = Buffer.from(JSON.stringify([digest(list), ...position]));
    return `${said.toString('base64url')}.${(await this.mac(list, said)).toString('base64url')}`;
  }

  /** Throws 400 for a word that none of this list's pages held. */
  async open(list: string, cursor: string): Promise<Position> {
    const [said, mac] = cursor.split('.').map((part) => Buffer.from(part, 'base64url'));
    if (mac?.length === MAC_BYTES && timingSafeEqual(mac, await this.mac(list, said))) {
      return (JSON.parse(said.toString()) as [string, ...Position]).slice(1);
    }
    throw isOfAnotherList(said, list)
      ? refusal('other_list', 'cursor belongs to a list with another sort or filter: repeat those it came with.')
      : refusal('malformed_cursor', 'cursor is not one that an answer gave as nextCursor.');
  }

  private async mac(list: string, said: Buffer): Promise<Buffer> {
    this.secret ??= this.settings.cursorSecret ?? (await this.keys.valueOf('cursor'));
    return createHmac('sha256', this.secret).update(list).update('\0').update(said).digest().subarray(0, MAC_BYTES);
  }
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

const refusal = (code: string, detail: string): Problem =>
  Problem.of([{ status: 400, code, pointer: '/cursor', detail }]);
