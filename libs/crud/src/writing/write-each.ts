import { currentUnit, isDataError, postgresError } from '@app/database';
import { Cause } from '../problem/problem';

/** What became of one item: a record written, or the reasons why not. */
export type Outcome<E> = Written<E> | Refused;

export interface Written<E> {
  status: 'created' | 'updated' | 'deleted';
  id: string;
  /** The record as it now is, when it was asked for. */
  row?: E;
}

export interface Refused {
  causes: Cause[];
}

export const isRefused = (outcome: object): outcome is Refused => 'causes' in outcome;

/** How items are written, and how it is found out what is wrong with them without writing. */
export interface Verb<I, E> {
  /** Writes all `items` or throws; gives one outcome each, in their order. */
  write(items: I[]): Promise<Outcome<E>[]>;
  /** What can be seen to be wrong with `items` by asking the database: a query per constraint, not per item. */
  causes(items: I[]): Promise<Map<I, Cause[]>>;
  /** What a data error that `write` threw means when it got only one item. */
  causeOf(error: unknown): Cause | undefined;
}

const RACES = 5; // that one request may lose to others that write the same keys, before its items are taken apart

/**
 * Writes every item that can be written and says of each other why not. All are tried at once; only when that fails are
 * the bad ones looked for, first by what they violate, then, for what no query foresees, by halving.
 */
export async function writeEach<I, E>(items: I[], verb: Verb<I, E>): Promise<Map<I, Outcome<E>>> {
  try {
    return await attempt(items, verb);
  } catch (error) {
    if (!isDataError(error)) throw error;
  }
  const outcomes = new Map<I, Outcome<E>>();
  let rest = items;
  for (let race = 1; race <= RACES; race++) {
    for (const [item, causes] of await verb.causes(rest)) outcomes.set(item, { causes });
    rest = rest.filter((item) => !outcomes.has(item));
    try {
      return new Map([...outcomes, ...(await attempt(rest, verb))]);
    } catch (error) {
      if (!isDataError(error)) throw error;
      if (postgresError(error)?.code !== '23505') break; // unique_violation: another request was faster
    }
  }
  return new Map([...outcomes, ...(await halving(rest, verb))]);
}

async function halving<I, E>(items: I[], verb: Verb<I, E>): Promise<Map<I, Outcome<E>>> {
  try {
    return await attempt(items, verb);
  } catch (error) {
    const cause = verb.causeOf(error);
    if (!cause) throw error;
    if (items.length === 1) return new Map([[items[0], { causes: [cause] }]]);
  }
  const middle = Math.ceil(items.length / 2);
  return new Map([...(await halving(items.slice(0, middle), verb)), ...(await halving(items.slice(middle), verb))]);
}

async function attempt<I, E>(items: I[], verb: Verb<I, E>): Promise<Map<I, Outcome<E>>> {
  if (!items.length) return new Map();
  const outcomes = await currentUnit().attempt(() => verb.write(items));
  return new Map(items.map((item, index) => [item, outcomes[index]]));
}
