const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength });
const fields = {
  identifier: text(64),
  name: text(200),
  author: text(200),
  releaseYear: { type: ['integer', 'null'], minimum: -5_000, maximum: 9_999 },
};
const id = { type: 'string', format: 'uuid' };
const date = { type: 'string', format: 'date-time' };
const manyOf = (items: object) => ({ type: 'array', maxItems: 50_000, items });

/** What is checked of a book that is to be created. */
export const newBook = {
  type: 'object',
  additionalProperties: false,
  required: ['identifier', 'name', 'author'],
  properties: fields,
};
export const newBooks = manyOf(newBook);

/** What is checked of changes to many books: each names its own by id. */
export const changes = manyOf({
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id, ...fields },
});

/** The id in a path. */
export const byId = { type: 'object', properties: { id } };
/** How long a page is, and after which book it begins. */
export const pageQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 }, cursor: { type: 'string' } },
};

/** How a book leaves; Fastify compiles it into one function. */
export const book = {
  type: 'object',
  properties: {
    id,
    ...fields,
    averageRating: { type: ['number', 'null'] },
    createdAt: date,
    updatedAt: date,
    version: { type: 'integer' },
  },
};
/** How a page of books leaves. */
export const page = {
  type: 'object',
  properties: { items: { type: 'array', items: book }, nextCursor: { type: ['string', 'null'] } },
};
/** What a bulk request has written. */
export const written = {
  type: 'object',
  properties: { count: { type: 'integer' }, ids: { type: 'array', items: { type: 'string' } } },
};
