import { randomUUID } from 'node:crypto';
import { currentUnit } from '@app/database';
import { aBook } from '@app/domain';
import { startApi, TestApi } from '@app/testing';

describe('Idempotency-Key', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.close());

  it('runs one of 50 parallel requests, and answers all alike', async () => {
    const [key, book] = [randomUUID(), aBook()];
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => api.http.post('/api/v1/books').set('Idempotency-Key', key).send(book)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(new Set(answers.map(({ headers }) => headers.location)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true')).toHaveLength(49);
    expect(answers[0].headers.etag).toMatch(/^"/);
    const other = await api.http.post('/api/v1/books').set('Idempotency-Key', key).send(aBook());
    expect(other.status).toBe(422);
    const n = await api.inTenant(() => currentUnit().manager.query('select count(*)::int n from book'));
    expect(n).toEqual([{ n: 1 }]);
    const one = await api.http.get(answers[0].headers.location);
    expect((await api.http.get(answers[0].headers.location).set('If-None-Match', one.headers.etag)).status).toBe(304);
    const del = await api.http.delete(answers[0].headers.location).set('Idempotency-Key', 'x');
    const again = await api.http.delete(answers[0].headers.location).set('Idempotency-Key', 'x');
    expect([del.status, again.status, again.headers['idempotency-replayed']]).toEqual([204, 204, 'true']);
  });
});
