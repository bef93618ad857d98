import { aBook, aCritic, aReview } from '@app/domain';
import { startApi, TestApi } from '@app/testing';
import { books, critics, reviews, Values } from './models';
import { expectProblem } from './problems';

/** Known defects of the Python original that the tests of shared behaviour (crud, crud-bulk, errors) do not meet already. */
describe('defects of the original', () => {
  let api: TestApi;
  beforeAll(async () => (api = await startApi()));
  afterAll(() => api.close());

  it('paging without ORDER BY: rows that are rewritten between pages are neither lost nor seen twice', async () => {
    const items = Array.from({ length: 60 }, () => aCritic());
    const { ids } = (await api.http.post(`${critics.path}/bulk`).send(items).expect(201)).body as { ids: string[] };
    const seen: string[] = [];
    for (let offset = 0; offset < ids.length; offset += 10) {
      const { body } = await api.http.get(critics.path).query({ limit: 10, offset }).expect(200);
      seen.push(...body.items.map(({ id }: Values) => id));
      const rewritten = ids.filter((_id, n) => n % 3 === 0).map((id) => ({ id, bio: `as of page ${offset}` }));
      await api.http.patch(`${critics.path}/bulk`).send(rewritten).expect(200); // Postgres moves them to the heap's end
    }
    expect(seen).toEqual(ids);
  });

  it('PUT bulk with several items of one key: no 500, each is named, also three of them', async () => {
    const [book, other] = [aBook(), aBook()];
    const response = await api.http.put(`${books.path}/bulk`).send([book, other, book, { ...book, name: 'Third' }]);
    expectProblem(response, 422, 'duplicate', [{ index: 0 }, { index: 2 }, { index: 3 }]);
  });

  it('ids of an upsert stood in the order of the table: they stand in the order of the request', async () => {
    const items = Array.from({ length: 30 }, () => aBook()).sort((a, b) => (a.identifier < b.identifier ? 1 : -1));
    await api.http
      .post(`${books.path}/bulk`)
      .send(items.filter((_item, n) => n % 2).toReversed())
      .expect(201);
    const { body } = await api.http.put(`${books.path}/bulk`).send(items).expect(200);
    const read = await api.http.post(`${books.path}/bulk/read`).send({ ids: body.ids }).expect(200);
    expect(read.body.items.map(({ identifier }: Values) => identifier)).toEqual(
      items.map(({ identifier }) => identifier),
    );
  });

  it('PATCH into the key of another record, in bulk and of two fields: 409, not 500', async () => {
    const [criticId, otherId] = (await api.http.post(`${critics.path}/bulk`).send([aCritic(), aCritic()])).body.ids;
    const bookId = (await api.http.post(books.path).send(aBook())).body.id;
    const both = [aReview({ criticId, bookId }), aReview({ criticId: otherId, bookId })];
    const { ids } = (await api.http.post(`${reviews.path}/bulk`).send(both).expect(201)).body;
    expectProblem(await api.http.patch(`${reviews.path}/${ids[1]}`).send({ criticId }), 409, 'unique', [
      { pointer: '/criticId', detail: 'Another record has this criticId and bookId.' },
    ]);
    const response = await api.http.patch(`${reviews.path}/bulk`).send([{ id: ids[1], criticId }]);
    expectProblem(response, 409, 'unique', [{ index: 0, pointer: '/0/criticId' }]);
  });

  it('numbers beyond the column: 422, not 500', async () => {
    for (const releaseYear of [2_147_483_648, -1e300, 2 ** 53]) {
      const response = await api.http.post(books.path).send(aBook({ releaseYear }));
      expectProblem(response, 422);
      expect(response.body.errors[0].pointer).toBe('/releaseYear');
    }
  });
});
