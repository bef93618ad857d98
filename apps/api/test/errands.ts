import { setTimeout as wait } from 'node:timers/promises';
import { Client, escapeIdentifier as quote } from 'pg';
import { withAdmin } from '@app/database';
import { Crowd, Guest, SHARED, sharedId, sharedIdentifier } from './crowd';

/** How many of a thousand errands are of each kind. */
const MIX = {
  list: 130,
  read: 200,
  create: 140,
  createOnce: 50,
  change: 80,
  upsert: 80,
  upsertMany: 60,
  export: 50,
  cut: 30,
  taken: 40,
  invalid: 30,
  foreign: 40,
  leave: 45,
  cancel: 12,
  terminate: 10,
  block: 3, // each takes as long as a statement may
};
type Kind = keyof typeof MIX;
/** How many kinds of errands there are. */
export const KINDS = Object.keys(MIX).length;

/** Something a tenant asks of the API, or has happen to it. */
export interface Errand {
  kind: Kind;
  guest: Guest;
  /** Somebody else. */
  other: Guest;
  /** What the errand does differently each time. */
  pick: number;
}

/** What became of many errands. */
export interface Ledger {
  /** Answers that named another tenant. */
  foreign: string[];
  /** Answers that should have been others. */
  wrong: string[];
  /** How many errands of each kind went as they should. */
  done: Map<Kind, number>;
  /** How many got no answer, or one that the database is not available. */
  disturbed: number;
}

/** Errands as `random` has them, the same for the same numbers. */
export function makeErrands(guests: Guest[], many: number, random: (below: number) => number): Errand[] {
  const kinds = Object.entries(MIX).flatMap(([kind, weight]) => new Array<Kind>(weight).fill(kind as Kind));
  return Array.from({ length: many }, () => {
    const n = random(guests.length);
    const other = guests[(n + 1 + random(guests.length - 1)) % guests.length];
    return { kind: kinds[random(kinds.length)], guest: guests[n], other, pick: random(1_000_000) };
  });
}

interface Ask {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: unknown;
  status: number;
  /** How often the answer names its tenant at least. */
  names?: number;
  /** The identifiers of the books it makes. */
  makes?: string[];
}

const JSON_BODY = { 'content-type': 'application/json' };
const REPRESENTATION = { prefer: 'return=representation' };

/** Carries errands out against one API, and keeps the ledger. */
export class Errands {
  readonly ledger: Ledger = { foreign: [], wrong: [], done: new Map(), disturbed: 0 };

  constructor(
    private readonly crowd: Crowd,
    private readonly origin: string,
  ) {}

  async carryOut(errand: Errand): Promise<void> {
    const { kind, guest, pick } = errand;
    if (kind === 'cancel') return this.signal(errand, 'pg_cancel_backend');
    if (kind === 'terminate') return this.signal(errand, 'pg_terminate_backend');
    if (kind !== 'block') return this.send(errand, this.ask(errand));

    const kinds: Kind[] = ['read', 'list', 'change'];
    await withAdmin(this.crowd.database.adminUrl, async (rival) => {
      await rival.query(`BEGIN; LOCK TABLE ${quote(guest.schema)}.book`);
      await this.send(errand, { ...this.ask({ ...errand, kind: kinds[pick % 3] }), status: 503, names: 0 });
    });
  }

  private ask({ kind, guest, other, pick }: Errand): Ask {
    const { mark } = guest;
    const n = pick % SHARED;
    const book = (identifier: string) => ({ identifier, name: `${mark} made it`, author: mark });
    const next = () => `made-${++guest.made}`;
    const creation = (): Ask => {
      const made = next();
      return { method: 'POST', body: book(made), status: 201, names: 2, makes: [made] };
    };
    switch (kind) {
      case 'list':
        return { path: '?limit=100', status: 200, names: 2 * SHARED };
      case 'read':
        return { path: `/${sharedId(n)}`, status: 200, names: 2 };
      case 'createOnce': {
        const creating = creation();
        return { ...creating, headers: { 'idempotency-key': creating.makes![0] } };
      }
      case 'change':
        return { method: 'PATCH', path: `/${sharedId(n)}`, body: { name: `${mark} changed it ${pick}` }, status: 200, names: 2 }; // prettier-ignore
      case 'upsert':
        return { method: 'PUT', body: { ...book(sharedIdentifier(n)), releaseYear: pick % 2_000 }, status: 200, names: 2 }; // prettier-ignore
      case 'upsertMany': {
        const made = [next(), next(), next()];
        const items = [...made, sharedIdentifier(n)].map(book);
        return {
          method: 'PUT',
          path: '/bulk',
          body: items,
          headers: REPRESENTATION,
          status: 200,
          names: 8,
          makes: made,
        };
      }
      case 'export':
      case 'cut':
        return { path: '/export', status: 200, names: kind === 'cut' ? 1 : 2 * SHARED };
      case 'taken':
        return { method: 'POST', body: book(sharedIdentifier(n)), status: 409 };
      case 'invalid':
        return { method: 'POST', body: { ...book('x'), author: 7 }, status: 422 };
      case 'foreign':
        return pick % 2
          ? { path: `/${other.own}`, status: 404 }
          : { method: 'PATCH', path: `/${other.own}`, body: { name: `${mark} was here` }, status: 404 };
      case 'leave':
        return pick % 2 ? creation() : { path: '?limit=100', status: 200 };
      default:
        return creation(); // create
    }
  }

  private async send({ kind, guest, pick }: Errand, ask: Ask): Promise<void> {
    const { method, path = '', body, makes = [] } = ask;
    const leaving = new AbortController();
    const init: RequestInit = { method, signal: leaving.signal, headers: { ...guest.headers, ...ask.headers } };
    if (body) Object.assign(init, { body: JSON.stringify(body), headers: { ...init.headers, ...JSON_BODY } });
    if (kind === 'leave') void wait(pick % 8).then(() => leaving.abort()); // ms, in which an answer may or may not come
    const { status, text, isWhole } = await hear(`${this.origin}/api/v1/books${path}`, init, kind === 'cut');

    const named = text.match(/guest_\d{3}/g) ?? [];
    const line = `${kind} of ${guest.mark}: ${status} ${text.slice(0, 200)}`;
    const { foreign, wrong } = this.ledger;
    if (named.some((mark) => mark !== guest.mark)) foreign.push(line);
    const isOpen = status === 0 || status >= 500;
    for (const made of makes) if (status === ask.status || isOpen) (isOpen ? guest.mayHave : guest.has).add(made);
    const hasLeft = kind === 'leave' && !isWhole;
    if (!hasLeft && (!isWhole || (status === 503 && ask.status !== 503))) this.ledger.disturbed++;
    else if (!hasLeft && (status !== ask.status || named.length < (ask.names ?? 0))) wrong.push(line);
    else this.done(kind);
  }

  /** Has one of the API's statements stopped, whosever it is. */
  private async signal({ kind }: Errand, how: string): Promise<void> {
    const { adminUrl, names } = this.crowd.database;
    const { rowCount } = await withAdmin(adminUrl, (admin: Client) =>
      admin.query(
        `SELECT ${how}(pid) FROM pg_stat_activity WHERE usename = $1 AND state <> 'idle' ORDER BY random() LIMIT 1`,
        [names.app],
      ),
    );
    if (rowCount) this.done(kind);
  }

  private done(kind: Kind): void {
    this.ledger.done.set(kind, (this.ledger.done.get(kind) ?? 0) + 1);
  }
}

/** What was answered, as far as it came or, with `isEnough` of it, as far as its first piece. */
async function hear(
  url: string,
  init: RequestInit,
  isEnough: boolean,
): Promise<{ status: number; text: string; isWhole: boolean }> {
  const decoder = new TextDecoder();
  let [status, text] = [0, ''];
  try {
    const answer = await fetch(url, init);
    status = answer.status;
    for await (const piece of answer.body ?? []) {
      text += decoder.decode(piece as Uint8Array, { stream: true });
      if (isEnough) break;
    }
    return { status, text, isWhole: true };
  } catch {
    return { status, text, isWhole: false };
  }
}
