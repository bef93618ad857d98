import { withAdmin } from '@app/database';
import { aBook, aCritic, aReview } from '@app/domain';
import { startApi, TestApi, until } from '@app/testing';
import { books, critics, reviews, Values } from './models';
import { expectProblem } from './problems';

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';

describe('reviews', () => {
  let api: TestApi;
  beforeAll(async () => (api = await startApi()));
  afterAll(() => api.close());

  const create = async (path: string, values: Values): Promise<Values> =>
    (await api.http.post(path).send(values).expect(201)).body;
  const aPair = async () => ({
    criticId: (await create(critics.path, aCritic())).id as string,
    bookId: (await create(books.path, aBook())).id as string,
  });
  const count = async () => (await api.http.get(`${reviews.path}?limit=200`).expect(200)).body.items.length;

  describe.each([
    ['POST', (values: Values) => api.http.post(reviews.path).send(values)],
    ['PUT', (values: Values) => api.http.put(reviews.path).send(values)],
  ])('%s /reviews', (_method, send) => {
    it.each(['criticId', 'bookId'])('answers 422 naming %s when no such record exists', async (field) => {
      const rows = await count();
      const response = await send(aReview({ ...(await aPair()), [field]: UNKNOWN_ID }));
      expectProblem(response, 422, 'foreign_key', [{ pointer: `/${field}` }]);
      expect(response.body.detail).toBe(`${field} names no existing record.`);
      expect(await count()).toBe(rows);
    });

    it('names both when both are missing', async () => {
      const response = await send(aReview({ criticId: UNKNOWN_ID, bookId: UNKNOWN_ID }));
      expectProblem(response, 422, 'foreign_key');
      expect(response.body.errors.map(({ pointer }: Values) => pointer).sort()).toEqual(['/bookId', '/criticId']);
    });

    it.each([0, 6, 2.5, -1, 1e300])('refuses the rating %d', async (rating) => {
      const response = await send(aReview({ ...(await aPair()), rating }));
      expectProblem(response, 422);
      expect(response.body.errors[0].pointer).toBe('/rating');
    });
  });

  it('lets a critic review a book once, and many critics the same book', async () => {
    const pair = await aPair();
    await create(reviews.path, aReview(pair));
    expectProblem(await api.http.post(reviews.path).send(aReview(pair)), 409, 'unique', [
      { pointer: '/criticId', detail: 'Another record has this criticId and bookId.' },
    ]);
    await create(reviews.path, aReview({ ...(await aPair()), bookId: pair.bookId }));
    await create(reviews.path, aReview({ ...(await aPair()), criticId: pair.criticId }));
  });

  it('takes ids in capital letters for the same record', async () => {
    const pair = await aPair();
    const shouted = { criticId: pair.criticId.toUpperCase(), bookId: pair.bookId.toUpperCase() };
    const created = await create(reviews.path, aReview(shouted));
    expect(created).toMatchObject(pair);
    const { body } = await api.http.put(reviews.path).send(aReview(shouted)).expect(200);
    expect(body).toEqual(created);
    const response = await api.http.put(`${reviews.path}/bulk`).send([aReview(pair), aReview(shouted)]);
    expectProblem(response, 422, 'duplicate', [{ index: 0 }, { index: 1 }]);
  });

  it('PATCH /reviews/:id answers 422 naming the field when it would refer to nothing', async () => {
    const { id } = await create(reviews.path, aReview(await aPair()));
    const response = await api.http.patch(`${reviews.path}/${id}`).send({ bookId: UNKNOWN_ID });
    expectProblem(response, 422, 'foreign_key', [{ pointer: '/bookId' }]);
  });

  describe.each(['post', 'put'] as const)('%s /reviews/bulk', (method) => {
    it('names each item and field that refers to nothing, and writes nothing', async () => {
      const items = [aReview(await aPair()), aReview(await aPair()), aReview(await aPair())];
      items[0].criticId = items[2].bookId = UNKNOWN_ID;
      const rows = await count();
      const response = await api.http[method](`${reviews.path}/bulk`).send(items);
      expectProblem(response, 422, 'foreign_key', [
        { index: 0, pointer: '/0/criticId' },
        { index: 2, pointer: '/2/bookId' },
      ]);
      expect(await count()).toBe(rows);
    });

    it('mode=partial writes the others', async () => {
      const items = [aReview(await aPair()), aReview({ ...(await aPair()), criticId: UNKNOWN_ID })];
      const { body } = await api.http[method](`${reviews.path}/bulk?mode=partial`).send(items).expect(207);
      expect(body).toMatchObject({ count: 1, ids: [expect.any(String), null] });
      expect(body.results[1]).toMatchObject({ status: 422, problem: { code: 'foreign_key' } });
    });
  });

  it('PATCH /reviews/bulk names each item that would refer to nothing', async () => {
    const rows = [
      await create(reviews.path, aReview(await aPair())),
      await create(reviews.path, aReview(await aPair())),
    ];
    const response = await api.http.patch(`${reviews.path}/bulk`).send([
      { id: rows[0].id, title: 'Changed' },
      { id: rows[1].id, criticId: UNKNOWN_ID },
    ]);
    expectProblem(response, 422, 'foreign_key', [{ index: 1, pointer: '/1/criticId' }]);
    expect((await api.http.get(`${reviews.path}/${rows[0].id}`)).body).toEqual(rows[0]);
  });

  describe('deleting a book that is reviewed', () => {
    const [path, field, make] = [books.path, 'bookId', aBook];
    let reviewed: string;
    let review: Values;
    beforeEach(async () => {
      review = await create(reviews.path, aReview(await aPair()));
      reviewed = review[field];
    });

    it('answers 409 while a review refers to it, and 204 when none does any more', async () => {
      const response = await api.http.delete(`${path}/${reviewed}`);
      expectProblem(response, 409, 'still_referenced', [{ pointer: '' }]);
      await api.http.get(`${path}/${reviewed}`).expect(200);
      await api.http.delete(`${reviews.path}/${review.id}`).expect(204);
      await api.http.delete(`${path}/${reviewed}`).expect(204);
    });

    it('in bulk answers 409 naming it, and deletes nothing', async () => {
      const free = [(await create(path, make())).id, (await create(path, make())).id];
      const ids = [free[0], reviewed, free[1]];
      const response = await api.http.post(`${path}/bulk/delete`).send({ ids });
      expectProblem(response, 409, 'still_referenced', [{ index: 1, pointer: '/ids/1' }]);
      expect((await api.http.post(`${path}/bulk/read`).send({ ids })).body.items).toHaveLength(3);
    });

    it('in bulk with mode=partial deletes the others', async () => {
      const ids = [reviewed, (await create(path, make())).id, UNKNOWN_ID];
      const { body } = await api.http.post(`${path}/bulk/delete?mode=partial`).send({ ids }).expect(207);
      expect(body).toMatchObject({ count: 1, ids: [null, ids[1], null] });
      expect(body.results.map(({ status }: Values) => status)).toEqual([409, 200, 404]);
      expect((await api.http.post(`${path}/bulk/read`).send({ ids })).body.missing).toEqual([ids[1], UNKNOWN_ID]);
    });
  });
});

describe('the average rating of a book', () => {
  let api: TestApi;
  beforeAll(async () => (api = await startApi({ WORKER_IN_API: 'true' })));
  afterAll(() => api.close());

  const create = async (path: string, values: Values): Promise<string> =>
    (await api.http.post(path).send(values).expect(201)).body.id;
  const ratings = (bookId: string, ...values: number[]): Promise<Values[]> =>
    Promise.all(
      values.map(async (rating) => ({ bookId, rating, title: 'T', criticId: await create(critics.path, aCritic()) })),
    );
  const aBookRated = async (...values: number[]) => {
    const bookId = await create(books.path, aBook());
    const items = await ratings(bookId, ...values);
    const ids: string[] = (await api.http.post(`${reviews.path}/bulk`).send(items).expect(201)).body.ids;
    await becomes(bookId, average(values));
    return { bookId, items, ids };
  };
  const average = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const becomes = (bookId: string, rating: number | null) =>
    until(async () => {
      const { body } = await api.http.get(`${books.path}/${bookId}`).expect(200);
      return body.averageRating === rating && body;
    });

  it('follows a review that is created, changed and deleted, and leaves the version of the book alone', async () => {
    const bookId = await create(books.path, aBook());
    const [first, second] = await ratings(bookId, 5, 2);
    const id = await create(reviews.path, first);
    await becomes(bookId, 5);
    await create(reviews.path, second);
    await becomes(bookId, 3.5);
    await api.http.patch(`${reviews.path}/${id}`).send({ rating: 1 }).expect(200);
    const book = await becomes(bookId, 1.5);
    expect(book).toMatchObject({ version: 1, updatedAt: book.createdAt });
    await api.http.delete(`${reviews.path}/${id}`).expect(204);
    await becomes(bookId, 2);
  });

  it('follows an upsert, of one and of many', async () => {
    const { bookId, items } = await aBookRated(5, 5);
    await api.http
      .put(reviews.path)
      .send({ ...items[0], rating: 2 })
      .expect(200);
    await becomes(bookId, 3.5);
    await api.http
      .put(`${reviews.path}/bulk`)
      .send(items.map((item) => ({ ...item, rating: 1 })))
      .expect(200);
    await becomes(bookId, 1);
  });

  it('follows a bulk change and a bulk delete, down to no review', async () => {
    const { bookId, ids } = await aBookRated(5, 4);
    await api.http
      .patch(`${reviews.path}/bulk`)
      .send(ids.map((id) => ({ id, rating: 3 })))
      .expect(200);
    await becomes(bookId, 3);
    await api.http.post(`${reviews.path}/bulk/delete`).send({ ids }).expect(200);
    await becomes(bookId, null);
  });

  it('follows a review to another book', async () => {
    const [one, other] = [await aBookRated(5, 1), await aBookRated(4)];
    await api.http.patch(`${reviews.path}/${one.ids[0]}`).send({ bookId: other.bookId }).expect(200);
    await becomes(one.bookId, 1);
    await becomes(other.bookId, 4.5);
  });

  it('follows a delete by filter', async () => {
    const { bookId } = await aBookRated(5, 4, 1);
    await api.http.delete(`${reviews.path}?filter[bookId][eq]=${bookId}&filter[rating][gte]=4`).expect(200);
    await becomes(bookId, 1);
  });

  it('follows an import', async () => {
    const { bookId } = await aBookRated(5);
    const lines = (await ratings(bookId, 1, 3)).map((review) => JSON.stringify(review)).join('\n');
    await api.http.post(`${reviews.path}/import`).set('content-type', 'application/x-ndjson').send(lines).expect(200);
    await becomes(bookId, 3);
  });

  it('stays as it is after what was not done', async () => {
    const { bookId, items, ids } = await aBookRated(5);
    const countJobs = () =>
      withAdmin(api.adminUrl, async (client) => (await client.query(`SELECT FROM ${api.prefix}jobs.job`)).rowCount);
    const before = await countJobs();
    await api.http
      .patch(`${reviews.path}/bulk?dryRun=true`)
      .send([{ id: ids[0], rating: 1 }])
      .expect(200);
    await api.http.post(reviews.path).send(items[0]).expect(409);
    expect(await countJobs()).toBe(before);
    await becomes(bookId, 5);
  });
});
