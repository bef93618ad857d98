import { readFileSync } from 'node:fs';
import type { BookDto, CriticDto } from '@app/client';
import { currentUnit } from '@app/database';
import { aBook, aCritic, aReview } from '@app/domain';
import { startApi, TestApi } from '@app/testing';
import { books, critics, Model, MODELS, reviews, Values } from './models';
import { expectProblem } from './problems';

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';
const ROWS = 40;
const range = (length: number): number[] => Array.from({ length }, (_item, n) => n);
const at = <T>(n: number, values: T[]): T => values[n % values.length];

/** Records with ties and nulls, in letters that every collation puts in the same order. */
const seedOf = {
  Book: (n: number) =>
    aBook({
      identifier: `isbn${100 + n}`,
      name: at(n, ['amber', 'birch', 'cedar', 'dogwood']),
      author: at(n, ['xavier', 'yara', 'zoe']),
      releaseYear: at(n, [null, -44, 0, 1984, 2035]),
    }),
  Critic: (n: number) =>
    aCritic({
      username: `user${100 + n}`,
      name: at(n, [null, 'Ada Lovelace', 'Bo Burnham', 'Cy Twombly']),
      bio: at(n, ['asleep', null, 'brave', 'cruel', '']),
    }),
  Review: (n: number, criticIds: string[], bookIds: string[]) =>
    aReview({
      criticId: at(n, criticIds),
      bookId: bookIds[Math.floor(n / criticIds.length)],
      title: at(n, ['awful', 'boring', 'charming']),
      rating: 1 + (n % 5),
      body: at(n, [null, 'long', 'short', 'verse']),
    }),
};

interface Schema {
  type: string;
  format?: string;
  enum?: string[];
  maxItems?: number;
  items?: Schema;
}
const documented: Record<string, { get: { parameters: { name: string; schema: Schema; explode?: boolean }[] } }> =
  JSON.parse(readFileSync('openapi.json', 'utf8')).paths;

interface Filter {
  name: string;
  field: string;
  operator: string;
  /** What one value is. */
  type: string;
}

/** Every filter that the documentation promises. */
const filtersOf = ({ path }: Model): Filter[] =>
  documented[path].get.parameters.flatMap(({ name, schema }) => {
    const [, field, operator] = /^filter\[(\w+)\]\[(\w+)\]$/.exec(name) ?? [];
    const { type, format } = schema.items ?? schema;
    return field ? [{ name, field, operator, type: format ?? type }] : [];
  });

const ORDERED = ['eq', 'ne', 'in', 'nin', 'gt', 'gte', 'lt', 'lte', 'between'];
const OPERATORS: Record<string, string[]> = {
  uuid: ['eq', 'ne', 'in', 'nin'],
  'date-time': ORDERED,
  integer: ORDERED,
  number: ORDERED,
  string: ORDERED,
};
const SEARCHED = ['Critic.name'];
const NULLABLE = [
  'Book.releaseYear',
  'Book.averageRating',
  'Critic.name',
  'Critic.bio',
  'Critic.deletedAt',
  'Review.body',
];

type Scalar = string | number | boolean;
/** What each operator means, said once more in JavaScript. */
const MEANINGS: Record<string, (value: Scalar | null, given: Scalar[]) => boolean> = {
  eq: (value, [given]) => value === given,
  ne: (value, [given]) => value !== given,
  gt: (value, [given]) => value !== null && value > given,
  gte: (value, [given]) => value !== null && value >= given,
  lt: (value, [given]) => value !== null && value < given,
  lte: (value, [given]) => value !== null && value <= given,
  in: (value, given) => given.some((one) => one === value),
  nin: (value, given) => given.every((one) => one !== value),
  between: (value, [least, most]) => value !== null && value >= least && value <= most,
  null: (value, [given]) => (value === null) === given,
  like: (value, [given]) => value !== null && asRegExp(given).test(String(value)),
  ilike: (value, [given]) => value !== null && asRegExp(given, 'i').test(String(value)),
};
const asRegExp = (pattern: Scalar, flags?: string): RegExp =>
  new RegExp(`^${String(pattern).replaceAll('%', '.*').replaceAll('_', '.')}$`, flags);

/** A value of each type that no record has. */
const ABSENT: Record<string, Scalar> = {
  uuid: UNKNOWN_ID,
  'date-time': '2001-02-03T04:05:06.789Z',
  integer: 777,
  number: 0.123,
  string: 'cobalt',
};
/** How values of each type cannot be spelt. */
const MISSPELT: Record<string, string[]> = {
  uuid: ['', 'x', `${UNKNOWN_ID}0`, `{${UNKNOWN_ID}}`, UNKNOWN_ID.replaceAll('-', ''), UNKNOWN_ID.replace('7', 'g')],
  'date-time': [
    '',
    'now',
    'infinity',
    '2026',
    '2026-11-22',
    '2026-11-22T12:00:00',
    '2026-11-22T24:00:00Z',
    '2026-02-30T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '2026-11-22T12:00:00.1234567Z',
    '2026-11-22T12:00:00+16:00',
  ],
  integer: ['', ' 1', 'one', '1.0', '1e3', '0x10', '--1', '2147483648', '-2147483649', '9'.repeat(40), '9'.repeat(400)],
  number: ['', 'x', '1,5', 'NaN', 'Infinity', '1e309', '1e9999', '0x10'],
  string: ['x'.repeat(1_001), 'a\0b'],
  boolean: ['', '1', 'TRUE', 'null'],
  pattern: ['', '%', 'ab', '%ab%cd_', '%ab\\\\%', '%!!!%', '%\\%\\_\\%%', 'abc\\', 'x'.repeat(1_001)],
};

const snake = (field: string): string => field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

let api: TestApi;
/** All records of each model, as they were created. */
const recordsOf = new Map<Model, Values[]>();

/** A page of a model's list, in which deleted records stand like any other. */
const page = async ({ path, isSoftDelete }: Model, query: Values = {}): Promise<Values> =>
  (
    await api.http
      .get(path)
      .query({ ...(isSoftDelete && { deleted: 'include' }), ...query })
      .expect(200)
  ).body;
const idsOf = (records: Values[]): string[] => records.map(({ id }) => id);

beforeAll(async () => {
  api = await startApi();
  const create = async ({ path }: Model, seed: (n: number) => object): Promise<string[]> => {
    const ids: string[] = [];
    while (ids.length < ROWS) {
      const tied = range(ROWS / 4).map((n) => seed(ids.length + n)); // of one instant
      ids.push(...(await api.http.post(`${path}/bulk`).send(tied).expect(201)).body.ids);
    }
    return ids;
  };
  const bookIds = await create(books, seedOf.Book);
  const criticIds = await create(critics, seedOf.Critic);
  const reviewIds = await create(reviews, (n) => seedOf.Review(n, criticIds.slice(0, 5), bookIds));
  await api.inTenant(() => currentUnit().manager.query('UPDATE book SET average_rating = release_year / 3.0'));

  for (const [model, ids] of [
    [books, bookIds],
    [critics, criticIds],
    [reviews, reviewIds],
  ] as [Model, string[]][]) {
    const changes = ids.filter((_id, n) => n % 7 === 3).map((id) => ({ id, [model.nullable]: null }));
    await api.http.patch(`${model.path}/bulk`).send(changes).expect(200);
    for (const some of model.isSoftDelete ? [ids.slice(30, 33), ids.slice(33, 36)] : [])
      await api.http.post(`${model.path}/bulk/delete`).send({ ids: some }).expect(200);
    recordsOf.set(model, (await page(model, { limit: 200 })).items);
  }
});
afterAll(() => api.close());

describe.each(MODELS)('GET $path', (model: Model) => {
  const { path } = model;
  const filters = filtersOf(model);
  const sortable = model.fields;
  const records = (): Values[] => recordsOf.get(model)!;

  describe('filter', () => {
    it('is documented for every field, with the operators its type allows', () => {
      const promised = Object.groupBy(filters, ({ field }) => field);
      expect(Object.keys(promised).sort()).toEqual([...model.fields].sort());
      for (const [field, some] of Object.entries(promised)) {
        expect({ field, operators: some!.map(({ operator }) => operator) }).toEqual({
          field,
          operators: [
            ...OPERATORS[some![0].type],
            ...(SEARCHED.includes(`${model.name}.${field}`) ? ['like', 'ilike'] : []),
            ...(NULLABLE.includes(`${model.name}.${field}`) ? ['null'] : []),
          ],
        });
      }
    });

    it.each(filters)('$name finds what a plain filter finds, in the order of the list', async (filter) => {
      const totals = new Set<number>();
      for (const given of triesOf(filter, records())) {
        const { items } = await page(model, { fields: 'id', limit: 200, [filter.name]: given.map(String) });
        const meant = records().filter((record) => MEANINGS[filter.operator](record[filter.field], given));
        expect({ given, ids: idsOf(items) }).toEqual({ given, ids: idsOf(meant) });
        totals.add(meant.length);
      }
      expect(totals.size).toBeGreaterThan(1); // else any answer would do
    });

    const isList = ({ operator }: Filter) => ['in', 'nin', 'between'].includes(operator);
    const right = ({ operator, type }: Filter): string => String(operator === 'null' ? true : ABSENT[type]);
    /** Gives all `filters` such values, a few in each request, and demands that each of them is pointed at. */
    const expectRefused = async (filters: Filter[], give: (filter: Filter) => string[]) => {
      for (let n = 0; n < filters.length; n += 12) {
        const some = filters.slice(n, n + 12);
        const response = await api.http.get(path).query(Object.fromEntries(some.map((one) => [one.name, give(one)])));
        expectProblem(
          response,
          400,
          undefined,
          some.map(({ name }) => ({ pointer: `/${name}` })),
        );
      }
    };

    it.each(range(11))('points at each value that is misspelt: %i', (n) =>
      expectRefused(filters, (filter) => {
        const value = at(n, MISSPELT[filter.operator.endsWith('like') ? 'pattern' : filter.type]);
        return filter.operator === 'between' ? [right(filter), value] : [value];
      }),
    );

    it('takes one value, two for between, and up to 200 for in and nin', async () => {
      const many = filters.filter(({ operator }) => ['in', 'nin'].includes(operator));
      const between = filters.filter(({ operator }) => operator === 'between');
      await expectRefused(
        filters.filter((filter) => !isList(filter)),
        (filter) => [right(filter), right(filter)],
      );
      for (const count of [1, 3]) await expectRefused(between, (filter) => Array<string>(count).fill(right(filter)));
      for (const filter of many) await expectRefused([filter], () => Array<string>(201).fill('1'));
      const { items } = await page(model, { 'filter[version][in]': Array<string>(200).fill('1'), limit: 1 });
      expect(items).toHaveLength(1);
    });

    it('demands all conditions at once', async () => {
      const [first, second] = [records()[7], records()[9]];
      const { items } = await page(model, {
        'filter[createdAt][eq]': first.createdAt,
        'filter[id][in]': [first.id, second.id, records()[11].id],
        'filter[id][ne]': second.id,
        [`filter[${model.mandatory}][eq]`]: first[model.mandatory],
      });
      expect(idsOf(items)).toEqual([first.id]);
    });
  });

  it.each([
    'filter',
    'filter[]',
    'filter[][eq]',
    'filter[name]',
    'filter[id][gt]',
    'filter[id][null]',
    'filter[id][like]',
    'filter[id][contains]',
    'filter[id][eq][eq]',
    'filter[id][constructor]',
    'filter[__proto__][eq]',
    'filter[passwordHash][eq]',
    'filter[created_at][eq]',
    'filter[critic.name][eq]',
    'Filter[id][eq]',
    'where',
    'Sort',
    'order',
    'page',
    ...(model === reviews ? ['asof'] : ['asOf']),
  ])('answers 400 for the unknown parameter %s', async (name) => {
    const response = await api.http.get(path).query({ [name]: UNKNOWN_ID });
    expectProblem(response, 400, 'unknown_field', [{ pointer: `/${name}` }]);
  });

  it('names everything that is wrong at once', async () => {
    const response = await api.http.get(path).query({ 'filter[id][eq]': 'x', sort: 'x', count: 'x', x: 'x', limit: 0 });
    expectProblem(response, 400, 'invalid');
    expect(response.body.errors.map(({ pointer }: Values) => pointer).sort()).toEqual([
      '/count',
      '/filter[id][eq]',
      '/limit',
      '/sort',
      '/x',
    ]);
  });

  describe('sort', () => {
    /** What Postgres itself makes of it; ties go by id, in the direction of the field. */
    const sorted = (field: string, direction: string): Promise<string[]> =>
      api.inTenant(async () => {
        const order = `${snake(field)} ${direction}, id ${direction}`;
        return idsOf(await currentUnit().manager.query(`SELECT id FROM ${model.table} ORDER BY ${order}`));
      });

    it('is documented for every field, as a list separated by commas', () => {
      const { schema, explode } = documented[path].get.parameters.find(({ name }) => name === 'sort')!;
      expect(schema).toMatchObject({ type: 'array', maxItems: 5 });
      expect(schema.items!.enum!.sort()).toEqual([...sortable, ...sortable.map((field) => `-${field}`)].sort());
      expect(explode).toBe(false);
    });

    it.each(sortable.flatMap((field) => [{ sort: field }, { sort: `-${field}` }]))(
      'by $sort is what Postgres makes of it, at once and page by page',
      async ({ sort }) => {
        const ids = await sorted(sort.replace('-', ''), sort.startsWith('-') ? 'DESC' : 'ASC');
        expect(idsOf((await page(model, { sort, limit: 200 })).items)).toEqual(ids);
        const seen: string[] = [];
        for (let cursor: string | null | undefined; cursor !== null;) {
          const body = await page(model, { sort, limit: 9, fields: 'id', ...(cursor && { cursor }) });
          seen.push(...idsOf(body.items));
          cursor = body.nextCursor;
        }
        expect(seen).toEqual(ids);
      },
    );

    it.each([
      ['x', 'unknown_field'],
      ['', 'unknown_field'],
      ['-', 'unknown_field'],
      ['--id', 'unknown_field'],
      ['+id', 'unknown_field'],
      ['id ', 'unknown_field'],
      ['id,', 'unknown_field'],
      ['created_at', 'unknown_field'],
      ['passwordHash', 'unknown_field'],
      ['critic.name', 'unknown_field'],
      ['constructor', 'unknown_field'],
      ['id;DROP TABLE book', 'unknown_field'],
      ['version,-version', 'duplicate'],
      ['id,id,id,id,id,id', 'max'],
      ['x,'.repeat(3_000), 'max'],
    ])('refuses "%s"', async (sort, code) => {
      expectProblem(await api.http.get(path).query({ sort }), 400, code, [{ pointer: '/sort' }]);
    });

    it('refuses to be given twice', async () => {
      expectProblem(await api.http.get(`${path}?sort=id&sort=version`), 400, 'repeated', [{ pointer: '/sort' }]);
    });
  });

  describe('fields', () => {
    it.each(model.fields)('answers %s and the id, and nothing else', async (field) => {
      const { items } = await page(model, { fields: field, limit: 3, sort: 'updatedAt' });
      const record = records().find(({ id }) => id === items[2].id)!;
      expect(items[2]).toEqual({ id: record.id, [field]: record[field] });
      expect((await api.http.get(`${path}/${record.id}?fields=${field}`).expect(200)).body).toEqual(items[2]);
    });

    it('may name all of them', async () => {
      expect((await page(model, { fields: model.fields.join(), limit: 200 })).items).toEqual(records());
    });

    it.each([
      ['x', 'unknown_field'],
      ['', 'unknown_field'],
      ['*', 'unknown_field'],
      ['id,', 'unknown_field'],
      ['passwordHash', 'unknown_field'],
      ['created_at', 'unknown_field'],
      ['constructor', 'unknown_field'],
      ['critic', 'unknown_field'],
      ['version,version', 'duplicate'],
    ])('refuses "%s", of a list and of a record', async (fields, code) => {
      for (const url of [path, `${path}/${records()[0].id}`])
        expectProblem(await api.http.get(url).query({ fields }), 400, code, [{ pointer: '/fields' }]);
    });
  });

  describe('count', () => {
    it('=exact counts the whole list, whatever part of it is read', async () => {
      const { items, total } = await page(model, { count: 'exact', limit: 1, offset: 3 });
      expect({ total, items: items.length }).toEqual({ total: ROWS, items: 1 });
      const filter = { [`filter[${model.nullable}][null]`]: true };
      const nulls = records().filter((record) => record[model.nullable] === null).length;
      expect((await page(model, { count: 'exact', limit: 1, ...filter })).total).toBe(nulls);
      const { nextCursor } = await page(model, { limit: 1 });
      expect((await page(model, { count: 'exact', cursor: nextCursor })).total).toBe(ROWS);
      expect((await page(model, { count: 'exact', 'filter[id][eq]': UNKNOWN_ID })).total).toBe(0);
    });

    it('=estimated is a whole number, and without count there is none', async () => {
      const { total } = await page(model, { count: 'estimated', 'filter[id][ne]': UNKNOWN_ID });
      expect(Number.isInteger(total)).toBe(true);
      for (const query of [{}, { count: 'none' }]) expect(await page(model, query)).not.toHaveProperty('total');
    });

    it.each(['', 'x', 'EXACT', 'true'])('refuses "%s"', async (count) => {
      expectProblem(await api.http.get(path).query({ count }), 400, 'is_in', [{ pointer: '/count' }]);
    });
  });

  describe('Link', () => {
    /** Path and query of the page that `response` says comes next. */
    const nextOf = (response: { headers: Values }): string => {
      const [, url] = /^<(http[^>]+)>; rel="next"$/.exec(response.headers.link)!;
      return url.slice(new URL(url).origin.length);
    };

    it('leads through the whole list, with the same sort and filter', async () => {
      const [first, second] = [records()[3].id, records()[14].id];
      const deleted = model.isSoftDelete ? 'include' : undefined;
      let response = await api.http
        .get(path)
        .query({ limit: 7, offset: 2, sort: `-${model.nullable},id`, 'filter[id][nin]': [first, second], deleted })
        .expect(200);
      const seen = idsOf(response.body.items);
      while (response.headers.link) {
        response = await api.http.get(nextOf(response)).expect(200);
        seen.push(...idsOf(response.body.items));
      }
      expect(response.body.nextCursor).toBeNull();
      expect(new Set(seen).size).toBe(ROWS - 4);
    });

    it('keeps the letters of the request', async () => {
      const asked = `limit=7&filter[${model.mandatory}][ne]=a?b=%ff%2B+%3Cc%3E`;
      const first = await api.http.get(`${path}?${asked}&offset=1`).expect(200);
      expect(nextOf(first)).toBe(`${path}?${asked}&cursor=${first.body.nextCursor}`);
      const second = await api.http.get(nextOf(first)).expect(200);
      expect(idsOf(second.body.items)).toEqual(idsOf((await page(model, { limit: 7, offset: 8 })).items));
    });

    it('accompanies nextCursor, and is missing where that is null', async () => {
      const response = await api.http.get(path).query({ limit: 1 });
      expect(new URL(nextOf(response), 'http://host').searchParams.get('cursor')).toBe(response.body.nextCursor);
      expect((await api.http.get(path).query({ limit: 200 })).headers.link).toBeUndefined();
    });
  });
});

describe('filter[…]', () => {
  const idsWhere = async (model: Model, query: Values) => idsOf((await page(model, { limit: 200, ...query })).items);

  it('reads a value in any way its type can be spelt', async () => {
    const [book] = recordsOf.get(books)!.filter(({ releaseYear }) => releaseYear === 1984);
    const { id } = book;
    const idsOfBook = (query: Values) => idsWhere(books, { 'filter[id][eq]': id.toUpperCase(), ...query });
    const shifted = new Date(Date.parse(book.createdAt) + 5.5 * 3_600_000).toISOString().replace('Z', '+05:30');
    for (const spelt of [shifted, book.createdAt.replace('Z', '000Z'), book.createdAt.replace('Z', '-00:00')])
      expect(await idsOfBook({ 'filter[createdAt][eq]': spelt })).toEqual([id]);
    for (const spelt of ['+1984', '0001984'])
      expect(await idsOfBook({ 'filter[releaseYear][eq]': spelt })).toEqual([id]);
    for (const spelt of ['6.6e2', '661.', '.661e+3', '661.333333333333333333333333'])
      expect(await idsOfBook({ 'filter[averageRating][between]': [spelt, '662'] })).toEqual([id]);
  });

  it.each(['1e-400', '-1e-999', '1e-320', '-0', '0.000000001e-320'])('takes the number %s', async (spelt) => {
    const zeros = recordsOf.get(books)!.filter(({ averageRating }) => averageRating === 0);
    const filter = { 'filter[averageRating][between]': ['-1e-300', spelt] };
    expect(await idsWhere(books, filter)).toEqual(idsOf(zeros));
  });

  it.each([
    [reviews, 'rating', 32_767],
    [books, 'releaseYear', 2_147_483_647],
  ] as const)('knows what the column of a whole number can hold: %j', async ({ path }, field, most) => {
    await api.http
      .get(path)
      .query({ [`filter[${field}][between]`]: [-most - 1, most] })
      .expect(200);
    for (const beyond of [most + 1, -most - 2]) {
      const name = `filter[${field}][eq]`;
      const response = await api.http.get(path).query({ [name]: beyond });
      expectProblem(response, 400, 'range', [{ pointer: `/${name}`, detail: expect.stringContaining(String(most)) }]);
    }
  });

  it('compares text with whatever characters there are', async () => {
    const text = ` {a,"b"}\\'%_$1?&=#;+ NULL é\u{1f9d9}\n`;
    const { body } = await api.http
      .post(books.path)
      .send(aBook({ author: text }))
      .expect(201);
    for (const operator of ['eq', 'in', 'gte', 'lte'])
      expect(await idsWhere(books, { [`filter[author][${operator}]`]: text })).toContain(body.id);
    for (const operator of ['ne', 'nin', 'gt', 'lt'])
      expect(await idsWhere(books, { [`filter[author][${operator}]`]: text })).not.toContain(body.id);
    await api.http.delete(`${books.path}/${body.id}`).expect(204);
  });

  it('takes % and _ for themselves behind a "\\"', async () => {
    const create = async (name: string): Promise<string> =>
      (await api.http.post(critics.path).send(aCritic({ name })).expect(201)).body.id;
    const ids = [await create('100% sure_ly'), await create('100 % surely'), await create('a\\b backslash')];
    expect(await idsWhere(critics, { 'filter[name][like]': '100\\% sure\\_ly' })).toEqual([ids[0]]);
    expect(await idsWhere(critics, { 'filter[name][like]': '100%sure%ly' })).toEqual(ids.slice(0, 2));
    expect(await idsWhere(critics, { 'filter[name][ilike]': 'A\\\\B BACK%' })).toEqual([ids[2]]);
    await api.http.post(`${critics.path}/bulk/delete`).send({ ids }).expect(200);
  });
});

describe('include', () => {
  const critic = (id: string) => recordsOf.get(critics)!.find((record) => record.id === id);
  const book = (id: string) => recordsOf.get(books)!.find((record) => record.id === id);

  it('puts in the records that each refers to, whole, in lists and in a single record', async () => {
    const expected: Values[] = recordsOf
      .get(reviews)!
      .map((review) => ({ ...review, book: book(review.bookId), critic: critic(review.criticId) }));
    expect((await page(reviews, { include: 'book,critic', limit: 200 })).items).toEqual(expected);
    const one = await api.http.get(`${reviews.path}/${expected[5].id}?include=critic,book`).expect(200);
    expect(one.body).toEqual(expected[5]);
    expect((await page(reviews, { include: 'book', limit: 1 })).items[0]).not.toHaveProperty('critic');
  });

  it.each([{ offset: 5 }, { sort: '-body,title' }, { sort: 'body', offset: 8 }, { 'filter[rating][gte]': 3 }])(
    'changes neither which records a page holds nor their order: %j',
    async (query) => {
      const plain = await page(reviews, { limit: 6, ...query });
      const included = await page(reviews, { limit: 6, ...query, include: 'book,critic' });
      expect(idsOf(included.items)).toEqual(idsOf(plain.items));
      expect(included.nextCursor).toBe(plain.nextCursor);
      const { offset: _, ...rest } = query as Values;
      const more = { ...rest, limit: 6, cursor: plain.nextCursor };
      expect(idsOf((await page(reviews, { ...more, include: 'critic' })).items)).toEqual(
        idsOf((await page(reviews, more)).items),
      );
    },
  );

  it('goes with fields', async () => {
    const { items } = await page(reviews, { include: 'book', fields: 'title', limit: 2 });
    const [, { id, title, bookId }] = recordsOf.get(reviews)!;
    expect(items[1]).toEqual({ id, title, book: book(bookId) });
  });

  it.each([
    ['x', 'unknown_field'],
    ['', 'unknown_field'],
    ['criticId', 'unknown_field'],
    ['book.reviews', 'unknown_field'],
    ['book,book', 'duplicate'],
  ])('refuses "%s"', async (include, code) => {
    for (const url of [reviews.path, `${reviews.path}/${recordsOf.get(reviews)![0].id}`])
      expectProblem(await api.http.get(url).query({ include }), 400, code, [{ pointer: '/include' }]);
  });

  it.each([books, critics])('is unknown where a record refers to no other: $path', async ({ path }) => {
    expectProblem(await api.http.get(`${path}?include=book`), 400, 'unknown_field', [{ pointer: '/include' }]);
  });
});

describe('the generated client', () => {
  it('lists books in types', async () => {
    const { data } = await api.client.books.readPage({
      query: {
        limit: 3,
        sort: ['-releaseYear', 'name'],
        fields: ['name', 'releaseYear'],
        count: 'exact',
        'filter[releaseYear][between]': [-44, 1984],
        'filter[name][in]': ['amber', 'birch, or so'],
        'filter[averageRating][null]': false,
      },
    });
    const meant = recordsOf
      .get(books)!
      .filter(({ name, releaseYear }) => name === 'amber' && releaseYear !== null && releaseYear <= 1984);
    expect(meant.length).toBeGreaterThan(3);
    expect(data!.total).toBe(meant.length);
    expect(data!.items.map(({ releaseYear }) => releaseYear)).toEqual(
      meant
        .map(({ releaseYear }) => releaseYear)
        .sort((a, b) => b - a)
        .slice(0, 3),
    );
    const next = await api.client.books.readPage({
      query: { cursor: data!.nextCursor!, sort: ['-releaseYear', 'name'] },
    });
    expect(next.error!.errors![0]).toMatchObject({ pointer: '/cursor', code: 'other_list' });

    // @ts-expect-error -- the types know every field
    const refused = await api.client.books.readPage({ query: { sort: ['shelf'] } });
    expect(refused.error!.errors![0]).toMatchObject({ pointer: '/sort', code: 'unknown_field' });
  });

  it('searches critics in types', async () => {
    const { data } = await api.client.critics.readPage({ query: { 'filter[name][ilike]': '%lovelace', limit: 200 } });
    expect(data!.items.map(({ name }) => name)).toEqual(Array(10).fill('Ada Lovelace').slice(0, data!.items.length));
    expect(data!.items).not.toHaveLength(0);
  });

  it('includes in types what reviews refer to, and knows no filter that there is not', async () => {
    const { data } = await api.client.reviews.readPage({
      query: { include: ['book', 'critic'], 'filter[rating][gte]': 4, 'filter[body][null]': false, limit: 1 },
    });
    const [{ book, critic, rating }]: { book?: BookDto; critic?: CriticDto; rating: number }[] = data!.items;
    expect(rating).toBeGreaterThanOrEqual(4);
    expect(book!.identifier).toMatch(/^isbn/);
    expect(critic!.username).toMatch(/^user/);

    // @ts-expect-error -- the types know every parameter
    const refused = await api.client.reviews.readPage({ query: { 'filter[rating][like]': '4' } });
    expect(refused.error!.code).toBe('unknown_field');
  });
});

/** What to ask of a filter: values that records have, one that none has, and patterns around them. */
function triesOf({ field, operator, type }: Filter, records: Values[]): Scalar[][] {
  if (operator === 'null') return [[true], [false]];
  const values = [...new Set(records.map((record) => record[field]).filter((value) => value !== null))];
  values.sort((a, b) => (a < b ? -1 : 1));
  const [first, middle, last] = [values[0], values[Math.floor(values.length / 2)], values.at(-1)];
  const absent = ABSENT[type];
  switch (operator) {
    case 'in':
    case 'nin':
      return [[first], [absent], [last, absent, first], [middle, middle], values];
    case 'between':
      return [
        [first, middle],
        [middle, last],
        [last, first],
        [middle, middle],
        [absent, absent],
      ];
    case 'like':
    case 'ilike':
      return [
        [`%${middle.slice(2, -2)}%`],
        [`${first.slice(0, 4)}%`],
        [`__${last.slice(2)}`],
        [last.toUpperCase()],
        ['%cobalt%'],
      ];
    default:
      return [[first], [middle], [last], [absent]];
  }
}
