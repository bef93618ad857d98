import { withAdmin } from '@app/database';
import { startApi, TestApi } from '@app/testing';
import { books, Values } from './models';

const ROWS = 1_000_000;
const FILL = `
  INSERT INTO book (id, identifier, name, author, release_year, created_at, updated_at, version)
    SELECT gen_random_uuid(), 'isbn-' || n, 'Name ' || n % 1000, 'Author ' || n % 5, nullif(1900 + n % 120, 1900),
           timestamptz '2026-01-01Z' + n * interval '1 second', timestamptz '2026-01-01Z', 1
      FROM generate_series(1, ${ROWS}) AS n;
  ANALYZE book`;

describe('count=estimated, of a million records', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi();
    await withAdmin(api.adminUrl, (client) => client.query(`SET search_path TO ${api.prefix}t_demo; ${FILL}`));
  }, 300_000);
  afterAll(() => api.close());

  const total = async (query: Values): Promise<number> =>
    (
      await api.http
        .get(books.path)
        .query({ limit: 1, ...query })
        .expect(200)
    ).body.total;

  it.each([
    {},
    { 'filter[author][eq]': 'Author 3' },
    { 'filter[releaseYear][gte]': 1960 },
    { 'filter[releaseYear][null]': false, 'filter[author][ne]': 'Author 3' },
    { 'filter[createdAt][lt]': '2026-01-03T00:00:00Z' },
  ])('is within 10 %% of count=exact: %j', async (filter) => {
    const exact = await total({ ...filter, count: 'exact' });
    expect(exact).toBeGreaterThan(ROWS / 10);
    const estimated = await total({ ...filter, count: 'estimated' });
    expect(Math.abs(estimated / exact - 1)).toBeLessThanOrEqual(0.1);
  });
});
