import { idOf, newBooks, upTo } from '../books';
import { Plan } from '../plan';
import { Target } from '../targets';
import { mustHaveGrown } from './must-have-grown';
import { Workload } from './workload';

/** Reads of one book by id, anywhere in the table. */
export const readOne = ({ readsOfOne, warmUp }: Plan, title: string): Workload => ({
  name: 'read-one',
  figures: [
    {
      title,
      unit: 'requests/s',
      atLeast: { times: 1.7, of: 'plain' },
      target: { times: 0.7, of: 'bare' },
    },
  ],
  measure: async (target, round) => {
    const anywhere = () => idOf(1 + Math.floor(Math.random() * target.holds));
    const reads = upTo(round ? readsOfOne : warmUp, () => ({ method: 'GET', path: `${pathOf(target)}/${anywhere()}` }));
    return [await target.hammer(reads)];
  },
});

/** Reads of the first hundred books. */
export const readPage = ({ readsOfPage, warmUp }: Plan): Workload => ({
  name: 'read-page',
  figures: [
    {
      title: 'read page of 100',
      unit: 'requests/s',
      atLeast: { times: 1.3, of: 'plain' },
      target: { times: 0.9, of: 'bare' },
    },
  ],
  measure: async (target, round) => {
    const reads = upTo(round ? readsOfPage : warmUp / 5, () => ({
      method: 'GET',
      path: `${pathOf(target)}?limit=100`,
    }));
    return [await target.hammer(reads)];
  },
});

/** Books created one by one. */
export const createOne = ({ createsOfOne, warmUp }: Plan): Workload => ({
  name: 'create-one',
  figures: [
    {
      title: 'create one',
      unit: 'requests/s',
      atLeast: { times: 1.5, of: 'plain' },
      target: { times: 0.7, of: 'bare' },
    },
  ],
  measure: async (target, round) => {
    const [method, path, headers] = ['POST', pathOf(target), { 'content-type': 'application/json' }];
    const books = newBooks('one', round ? createsOfOne : warmUp);
    const creations = books.map((book) => ({ method, path, headers, body: JSON.stringify(book) }));
    return [await mustHaveGrown(target, creations.length, () => target.hammer(creations))];
  },
});

/** Books the table holds, changed one by one, each to a new name. */
export const updateOne = ({ updatedSingly, warmUp }: Plan): Workload => ({
  name: 'update-one',
  figures: [{ title: 'update one', unit: 'requests/s' }],
  measure: async (target, round) => {
    const [method, headers] = ['PATCH', { 'content-type': 'application/json' }];
    const changes = upTo(round ? updatedSingly : warmUp, (n) => {
      const body = JSON.stringify({ name: `Changed ${round}.${n}` });
      return { method, path: `${pathOf(target)}/${idOf(n)}`, headers, body };
    });
    return [await target.hammer(changes)];
  },
});

/** Where a target has its books. */
export const pathOf = (target: Target): string => new URL(target.url()).pathname;
