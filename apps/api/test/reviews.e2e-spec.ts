import { aBook, aCritic, aReview } from '@app/domain';
import { startApi, TestApi } from '@app/testing';
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
