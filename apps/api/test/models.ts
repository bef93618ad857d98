import { aBook, aCritic, aReview } from '@app/domain';
import { TestApi } from '@app/testing';

/** What the tests of shared behaviour know of a model: enough to write it well, and to write it wrong. */
export interface Model {
  path: string;
  name: string;
  table: string;
  /** Every field of its read shape. */
  fields: string[];
  /** Those of them that only the system writes. */
  readOnly: string[];
  /** Deleting only hides its records. */
  isSoftDelete?: boolean;
  naturalKey: string[];
  /** A text that must be there, and can be changed freely unless it is the natural key. */
  mandatory: string;
  /** What must be there besides the natural key, if anything: a PUT without it can only change. */
  beyondKey?: string;
  nullable: string;
  /** A change of two fields, and a third that it leaves alone. */
  change: Record<string, unknown>;
  /** A field with a value of the wrong type, and what the answer calls that. */
  wrong: { field: string; value: unknown; code: string };
  /** Gives a maker of any number of records that do not clash, once whatever they refer to is there. */
  prepare(api: TestApi): Promise<Maker>;
}

export type Values = Record<string, any>;
/** The values of a new record; each call another natural key. */
export type Maker = (values?: Values) => Values;

const SYSTEM = ['id', 'createdAt', 'updatedAt', 'version'];

export const books: Model = {
  path: '/api/v1/books',
  name: 'Book',
  table: 'book',
  fields: ['id', 'createdAt', 'updatedAt', 'version', 'identifier', 'name', 'author', 'releaseYear', 'averageRating'],
  readOnly: [...SYSTEM, 'averageRating'],
  naturalKey: ['identifier'],
  mandatory: 'name',
  beyondKey: 'author',
  nullable: 'releaseYear',
  change: { name: 'Changed', author: 'Someone Else' },
  wrong: { field: 'releaseYear', value: '1984', code: 'is_int' },
  prepare: async () => aBook,
};

export const critics: Model = {
  path: '/api/v1/critics',
  name: 'Critic',
  table: 'critic',
  fields: ['id', 'createdAt', 'updatedAt', 'version', 'username', 'name', 'bio', 'deletedAt'],
  readOnly: [...SYSTEM, 'deletedAt'],
  isSoftDelete: true,
  naturalKey: ['username'],
  mandatory: 'username',
  nullable: 'bio',
  change: { name: 'Changed' },
  wrong: { field: 'bio', value: 7, code: 'is_string' },
  prepare: async () => aCritic,
};

export const reviews: Model = {
  path: '/api/v1/reviews',
  name: 'Review',
  table: 'review',
  fields: ['id', 'createdAt', 'updatedAt', 'version', 'title', 'criticId', 'bookId', 'rating', 'body'],
  readOnly: SYSTEM,
  naturalKey: ['criticId', 'bookId'],
  mandatory: 'title',
  beyondKey: 'rating',
  nullable: 'body',
  change: { title: 'Changed', rating: 1 },
  wrong: { field: 'rating', value: '5', code: 'is_int' },
  prepare: async (api) => {
    const idsOf = async (path: string, make: Maker) => {
      const items = Array.from({ length: 120 }, () => make()); // 120 × 120 pairs: more than all tests together take
      return (await api.http.post(`${path}/bulk`).send(items).expect(201)).body.ids as string[];
    };
    const criticIds = await idsOf(critics.path, aCritic);
    const bookIds = await idsOf(books.path, aBook);
    const pairs = criticIds.flatMap((criticId) => bookIds.map((bookId) => ({ criticId, bookId })));
    return (values) => aReview({ ...pairs.pop()!, ...values });
  },
};

export const MODELS = [books, critics, reviews];
