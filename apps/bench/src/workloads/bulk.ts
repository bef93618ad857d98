import { identifierOf, idOf, json, newBook, newBooks, upTo } from '../books';
import { Figure } from '../report/figure';
import { shortly } from '../report/format';
import { Target } from '../targets';
import { mustHaveGrown } from './must-have-grown';
import { Workload } from './workload';

/** Many books created in one call, several times. */
export const createMany = (rows: number, calls: number, goals?: Pick<Figure, 'atLeast' | 'target'>): Workload => ({
  name: `create-${shortly(rows)}`,
  figures: [{ title: `create ${shortly(rows)} in one call`, unit: 'rows/s', ...goals }],
  measure: async (target) => {
    const bodies = upTo(calls, (call) => json(newBooks(`many-${call}`, rows)));
    return [await mustHaveGrown(target, rows * calls, () => rate(target, 'POST', rows, bodies))];
  },
});

/** Books the table holds, written by their identifiers, each with a new name. */
export const upsertMany = (rows: number): Workload => ({
  name: 'upsert',
  figures: [
    {
      title: `upsert ${shortly(rows)} existing in one call`,
      unit: 'rows/s',
      atLeast: { times: 3, of: 'plain' },
      target: { times: 0.8, of: 'bare' },
    },
  ],
  measure: async (target, round) => {
    const named = (n: number) => ({ ...newBook('', n), identifier: identifierOf(n), name: `Upserted ${round}.${n}` });
    return [await mustHaveGrown(target, 0, () => rate(target, 'PUT', rows, [json(upTo(rows, named))]))];
  },
});

/** Books the table holds, changed by their ids, each to a new name. */
export const updateMany = (rows: number): Workload => ({
  name: 'update',
  figures: [{ title: `update ${shortly(rows)} in one call`, unit: 'rows/s' }],
  measure: async (target, round) => {
    const renamed = (n: number) => ({ id: idOf(n), name: `Updated ${round}.${n}` });
    return [await rate(target, 'PATCH', rows, [json(upTo(rows, renamed))])];
  },
});

async function rate(target: Target, method: string, rows: number, bodies: Buffer[]): Promise<number> {
  let milliseconds = 0;
  for (const body of bodies) {
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    milliseconds += (await target.must('/bulk', { method, headers, body })).endedAt;
  }
  return (rows * bodies.length) / (milliseconds / 1_000);
}
