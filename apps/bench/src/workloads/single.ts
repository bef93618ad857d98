import { idOf, newBooks, upTo } from '../books';
import { hammer } from '../load';
import { Target } from '../targets';
import { mustHaveGrown } from './must-have-grown';
import { Workload } from './workload';

/** Reads of one book by id, anywhere in the table. */
export const readOne = (requests: number, title: string): Workload => ({
  name: 'read-one',
  figures: [
    {
      title,
      unit: 'requests/s',
      atLeast: { times: 1.7, of: 'plain' },
      target: { times: 0.7, of: 'bare' },
    },
  ],
  measure: async (target) => {
    const anywhere = () => idOf(1 + Math.floor(Math.random() * target.holds));
    const reads = upTo(requests, () => ({ path: `${pathOf(target)}/${anywhere()}` }));
    return [await hammer(target.url(), reads)];
  },
});

/** Reads of the first hundred books. */
export const readPage = (requests: number): Workload => ({
  name: 'read-page',
  figures: [
    {
      title: 'read page of 100',
      unit: 'requests/s',
      atLeast: { times: 1.3, of: 'plain' },
      target: { times: 0.9, of: 'bare' },
    },
  ],
  measure: async (target) => {
    const reads = upTo(requests, () => ({ path: `${pathOf(target)}?limit=100` }));
    return [await hammer(target.url(), reads)];
  },
});

/** Books created one by one. */
export const createOne = (requests: number): Workload => ({
  name: 'create-one',
  figures: [
    {
      title: 'create one',
      unit: 'requests/s',
      atLeast: { times: 1.5, of: 'plain' },
      target: { times: 0.7, of: 'bare' },
    },
  ],
  measure: async (target) => {
    const [method, path, headers] = ['POST', pathOf(target), { 'content-type': 'application/json' }];
    const creations = newBooks('one', requests).map((book) => ({ method, path, headers, body: JSON.stringify(book) }));
    return [await mustHaveGrown(target, requests, () => hammer(target.url(), creations))];
  },
});

const pathOf = (target: Target): string => new URL(target.url()).pathname;
