import { startApi, TestApi } from '@app/testing';

describe('GET /books/by-identifier/:identifier', () => {
  let api: TestApi;
  beforeAll(async () => (api = await startApi()));
  afterAll(() => api.close());

  it('reads the book that has it', async () => {
    const { body } = await api.http
      .post('/api/v1/books')
      .send({ identifier: '978-3-16-148410-0', name: 'N', author: 'A' })
      .expect(201);
    const found = await api.http.get('/api/v1/books/by-identifier/978-3-16-148410-0').expect(200);
    expect(found.body).toEqual(body);
  });

  it('answers 404 where none has it', async () => {
    const { body } = await api.http.get('/api/v1/books/by-identifier/none').expect(404);
    expect(body).toMatchObject({ status: 404, code: 'not_found', detail: 'Book does not exist.' });
  });
});
