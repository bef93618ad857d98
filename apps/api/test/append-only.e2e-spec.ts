import { Client } from 'pg';
import type { Response } from 'supertest';
import { currentUnit, withAdmin } from '@app/database';
import { aBook, aCritic, aReview } from '@app/domain';
import { startApi, TestApi } from '@app/testing';
import { books, critics, Maker, reviews, Values } from './models';
import { expectProblem } from './problems';
import { begin, withRival } from './rival';

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';
const TEN = Array.from({ length: 10 }, (_, n) => n);
const { path } = reviews;

let api: TestApi;
let make: Maker;
let login: string;
beforeAll(async () => {
  api = await startApi();
  make = await reviews.prepare(api);
  login = `login:${(await api.http.get('/api/v1/auth/me').expect(200)).body.id}`;
});
afterAll(() => api.close());

const etagOf = ({ id, version }: Values): string => `"${id}.${version}"`;
const create = async (values: Values = make()): Promise<Values> =>
  (await api.http.post(path).send(values).expect(201)).body;
const change = async (id: string, values: Values): Promise<Values> =>
  (await api.http.patch(`${path}/${id}`).send(values).expect(200)).body;
const remove = async (id: string) => void (await api.http.delete(`${path}/${id}`).expect(204));
const revert = (id: string, version: number) => api.http.post(`${path}/${id}/revert`).send({ version });
const history = async (id: string, query: Values = {}): Promise<Values> =>
  (await api.http.get(`${path}/${id}/history`).query(query).expect(200)).body;
const list = async (query: Values): Promise<Values> => (await api.http.get(path).query(query).expect(200)).body;
const versionsOf = ({ items }: Values): number[] => items.map(({ version }: Values) => version);
const statuses = (answers: Response[]): number[] => answers.map(({ status }) => status).sort();
/** When each version of a record came to be; the first one first. */
const times = async (id: string): Promise<string[]> =>
  (await history(id)).items.map(({ validFrom }: Values) => validFrom).toReversed();
const asAdmin = <T>(work: (client: Client) => Promise<T>): Promise<T> =>
  withAdmin(api.adminUrl, async (client) => {
    await client.query(`SET search_path TO ${api.prefix}t_demo`);
    return work(client);
  });

describe('GET /reviews/:id/history', () => {
  it('tells of every version who made it, on which request, and what it changed, the latest first', async () => {
    const requests: string[] = [];
    const ask = async (request: PromiseLike<Response>): Promise<Values> => {
      const { headers, body } = await request;
      requests.push(headers['x-request-id']);
      return body;
    };
    const first = await ask(api.http.post(path).send(make({ title: 'A', rating: 1, body: null })));
    const one = `${path}/${first.id}`;
    const second = await ask(api.http.patch(one).send({ rating: 2, body: 'B' }));
    const { criticId, bookId } = first;
    const third = await ask(api.http.put(path).send({ criticId, bookId, title: 'C', rating: 2 }));
    await ask(api.http.delete(one));

    const { items, nextCursor } = await history(first.id);
    const of = (place: number, version: number, changed: string[], record: Values, deleted = false) => ({
      version,
      validFrom: expect.stringMatching(/Z$/),
      deleted,
      actor: login,
      requestId: requests[place],
      changed,
      record,
    });
    expect(items).toEqual([
      of(3, 4, [], { ...third, version: 4, updatedAt: items[0].record.updatedAt }, true),
      of(2, 3, ['title'], third),
      of(1, 2, ['rating', 'body'], second),
      of(0, 1, ['title', 'criticId', 'bookId', 'rating', 'body'], first),
    ]);
    expect(nextCursor).toBeNull();
    const moments = items.map(({ validFrom }: Values) => Date.parse(validFrom));
    expect(moments).toEqual(moments.toSorted((a: number, b: number) => b - a));
    expect(new Set(moments).size).toBe(4);
  });

  it('gives one page after the other, and says of the last on each what it changed', async () => {
    const { id } = await create(make({ title: '1' }));
    for (const title of ['2', '3', '4', '5']) await change(id, { title });
    const read: Values[] = [];
    for (let cursor: string | undefined; ;) {
      const { items, nextCursor } = await history(id, { limit: 2, cursor });
      read.push(...items);
      if (!nextCursor) break;
      cursor = nextCursor;
    }
    expect(read.map(({ version }) => version)).toEqual([5, 4, 3, 2, 1]);
    expect(read.slice(0, 4).map(({ changed }) => changed)).toEqual(Array.from({ length: 4 }, () => ['title']));
    expect(read).toEqual((await history(id)).items);
  });

  it('leads on to no other record, and from nobody else', async () => {
    const [one, other] = [await create(), await create()];
    await change(one.id, { title: 'B' });
    const { nextCursor } = await history(one.id, { limit: 1 });
    const response = await api.http.get(`${path}/${other.id}/history`).query({ cursor: nextCursor });
    expectProblem(response, 400, 'other_list');
    const forged = `${nextCursor.slice(0, -1)}${nextCursor.endsWith('A') ? 'B' : 'A'}`;
    expectProblem(await api.http.get(`${path}/${one.id}/history`).query({ cursor: forged }), 400, 'malformed_cursor');
  });

  it('answers 404 for a record there never was, and 400 for what is no id', async () => {
    expectProblem(await api.http.get(`${path}/${UNKNOWN_ID}/history`), 404, 'not_found');
    expectProblem(await api.http.get(`${path}/x/history`), 400, 'malformed_id');
    const { id } = await create();
    expectProblem(await api.http.get(`${path}/${id}/history`).query({ sort: 'version' }), 400, 'unknown_field');
  });

  it('is only there for models that are append-only', async () => {
    const { id } = (await api.http.post(books.path).send(aBook()).expect(201)).body; // so that it is the route that is not found
    expectProblem(await api.http.get(`${books.path}/${id}/history`), 404, 'not_found');
    expectProblem(await api.http.post(`${books.path}/${id}/revert`).send({ version: 1 }), 404, 'not_found');
  });

  it('has a version for each that changed, whichever way, and none for a change that is none', async () => {
    const [one, two] = [make({ title: 'A', rating: 1 }), make({ title: 'A', rating: 1 })];
    const { ids } = (await api.http.post(`${path}/bulk`).send([one, two]).expect(201)).body;
    await api.http
      .patch(`${path}/bulk`)
      .send(ids.map((id: string) => ({ id, title: 'A' })))
      .expect(200);
    await api.http
      .put(`${path}/bulk`)
      .send([one, { ...two, rating: 2 }])
      .expect(200);
    await api.http
      .patch(`${path}/bulk`)
      .send(ids.map((id: string) => ({ id, rating: 2 })))
      .expect(200);
    await api.http
      .post(`${path}/import?mode=upsert`)
      .type('application/x-ndjson')
      .send(
        [
          { ...one, title: 'B' },
          { ...two, rating: 2 },
        ]
          .map((line) => JSON.stringify(line))
          .join('\n'),
      )
      .expect(200);
    await api.http
      .post(`${path}/bulk/delete`)
      .send({ ids: [ids[1]] })
      .expect(200);
    expect(versionsOf(await history(ids[0]))).toEqual([3, 2, 1]);
    expect(versionsOf(await history(ids[1]))).toEqual([3, 2, 1]);
    const deleted = await api.http.delete(path).query({ 'filter[id][eq]': ids[0] }).expect(200);
    expect(deleted.body).toEqual({ count: 1 });
    expect((await history(ids[0])).items[0]).toMatchObject({ version: 4, deleted: true, record: { title: 'B' } });
  });

  it('names who made it where no request did', async () => {
    const { id } = await create();
    await api.inTenant(() =>
      currentUnit().manager.query(
        `INSERT INTO review_versions (id, title, critic_id, book_id, rating, created_at, updated_at, version, actor, valid_from)
         SELECT id, 'B', critic_id, book_id, rating, created_at, now(), 2, 'forged', '2000-01-01Z' FROM review WHERE id = $1`,
        [id],
      ),
    );
    const [latest] = (await history(id)).items;
    expect(latest).toMatchObject({ version: 2, actor: 'test', changed: ['title', 'body'] });
    expect(Date.parse(latest.validFrom)).toBeGreaterThan(Date.parse('2026-01-01Z'));
  });
});

describe('asOf', () => {
  it('reads one as it was: not yet, changed, deleted, and there again', async () => {
    const before = new Date(Date.now() - 60_000).toISOString();
    const first = await create(make({ title: 'A' }));
    const second = await change(first.id, { title: 'B' });
    await remove(first.id);
    const fourth = (await revert(first.id, 1).expect(200)).body;
    const [made, changed, deleted, back] = await times(first.id);
    const read = (asOf: string) => api.http.get(`${path}/${first.id}`).query({ asOf });
    expectProblem(await read(before), 404, 'not_found');
    expect((await read(made).expect(200)).body).toEqual(first);
    expect((await read(changed).expect(200)).body).toEqual(second);
    expectProblem(await read(deleted), 404, 'not_found');
    expect((await read(back).expect(200)).body).toEqual(fourth);
    expect((await read('2999-01-01T00:00:00Z').expect(200)).body).toEqual(fourth);
  });

  it('reads one with some fields, and with what it refers to as that is now', async () => {
    const first = await create(make({ title: 'A', rating: 1 }));
    const [made] = await times(first.id);
    await change(first.id, { title: 'B' });
    await api.http.patch(`${books.path}/${first.bookId}`).send({ name: 'Renamed' }).expect(200);
    const query = { asOf: made, fields: 'title', include: 'book' };
    const { body } = await api.http.get(`${path}/${first.id}`).query(query).expect(200);
    expect(body).toEqual({ id: first.id, title: 'A', book: expect.objectContaining({ name: 'Renamed' }) });
  });

  it('carries no ETag, and takes none for the same', async () => {
    const first = await create();
    const [asOf] = await times(first.id);
    const response = await api.http.get(`${path}/${first.id}`).query({ asOf }).set('If-None-Match', etagOf(first));
    expect(response.status).toBe(200);
    expect(response.headers).not.toHaveProperty('etag');
  });

  it('lists, filters, sorts, counts and pages what there was', async () => {
    const { bookId } = make();
    const { body: fan } = await api.http
      .post(`${critics.path}/bulk`)
      .send(TEN.map(() => aCritic()))
      .expect(201);
    const items = TEN.map((n) => aReview({ criticId: fan.ids[n], bookId, title: `${n}`, rating: 1 + (n % 5) }));
    const of = { 'filter[bookId][eq]': bookId, sort: '-title' };
    await api.http.post(`${path}/bulk`).send(items).expect(201);
    const before = await list(of);
    const asOf: string = (await Promise.all(before.items.map(async ({ id }: Values) => (await times(id))[0])))
      .sort()
      .at(-1);
    const ids: string[] = before.items.map(({ id }: Values) => id);
    await remove(ids[0]);
    for (const id of ids.slice(1)) await change(id, { rating: 5, title: 'X' });

    expect(await list({ ...of, asOf })).toEqual(before);
    expect(await list({ ...of, asOf, 'filter[rating][eq]': 1 })).toEqual({
      ...before,
      items: before.items.filter(({ rating }: Values) => rating === 1),
    });
    const { total, items: counted } = await list({ ...of, asOf, count: 'exact', limit: 3 });
    expect({ total, items: counted }).toEqual({ total: 10, items: before.items.slice(0, 3) });
    expect((await list({ ...of, asOf, count: 'estimated', limit: 3 })).total).toEqual(expect.any(Number));
    const { nextCursor } = await list({ ...of, asOf, limit: 3 });
    expect((await list({ ...of, asOf, limit: 3, cursor: nextCursor })).items).toEqual(before.items.slice(3, 6));
    const elsewhen = await api.http.get(path).query({ ...of, limit: 3, cursor: nextCursor });
    expectProblem(elsewhen, 400, 'other_list');

    const exported = await api.http
      .get(`${path}/export`)
      .query({ ...of, asOf, format: 'ndjson' })
      .buffer()
      .expect(200);
    const lines = exported.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual(before.items);
  });

  it('goes on where a link leads', async () => {
    const first = await create();
    const [asOf] = await times(first.id);
    const { headers } = await api.http.get(path).query({ asOf, limit: 1 }).expect(200);
    expect(headers.link).toContain(`asOf=${encodeURIComponent(asOf)}`);
  });

  it.each(['yesterday', '2026-11-24', '2026-02-30T00:00:00Z', '2026-11-24T09:30:00', ''])(
    'answers 400 for %j',
    async (asOf) => {
      for (const where of [path, `${path}/${UNKNOWN_ID}`, `${path}/export`])
        expectProblem(await api.http.get(where).query({ asOf }), 400, 'is_date', [{ pointer: '/asOf' }]);
    },
  );

  it('is only taken where versions are kept', async () => {
    expectProblem(await api.http.get(books.path).query({ asOf: new Date().toISOString() }), 400, 'unknown_field');
  });
});

describe('POST /reviews/:id/revert', () => {
  it('makes a new version of an earlier one', async () => {
    const first = await create(make({ title: 'A', rating: 1, body: 'long' }));
    await change(first.id, { title: 'B', rating: 2, body: null });
    const response = await revert(first.id, 1).expect(200);
    expect(response.body).toEqual({ ...first, version: 3, updatedAt: response.body.updatedAt });
    expect(Date.parse(response.body.updatedAt)).toBeGreaterThan(Date.parse(first.updatedAt));
    expect(response.headers.etag).toBe(etagOf(response.body));
    expect((await history(first.id)).items[0]).toMatchObject({ version: 3, changed: ['title', 'rating', 'body'] });
  });

  it('leaves a record alone that is like that already', async () => {
    const first = await create();
    expect((await revert(first.id, 1).expect(200)).body).toEqual(first);
    expect(versionsOf(await history(first.id))).toEqual([1]);
  });

  it('brings a deleted record back, with its id', async () => {
    const first = await create();
    await remove(first.id);
    const { body } = await revert(first.id, 1).expect(200);
    expect(body).toEqual({ ...first, version: 3, updatedAt: body.updatedAt });
    expect((await api.http.get(`${path}/${first.id}`).expect(200)).body).toEqual(body);
  });

  it('answers 409 where the key of a deleted record is another’s by now', async () => {
    const values = make();
    const first = await create(values);
    await remove(first.id);
    const second = await create(values);
    expect(second.id).not.toBe(first.id);
    expectProblem(await revert(first.id, 1), 409, 'unique', [{ pointer: '/criticId' }]);
    expect(versionsOf(await history(first.id))).toEqual([2, 1]);
    await remove(second.id);
    await revert(first.id, 1).expect(200);
  });

  it('answers 422 where what it referred to is gone, for good or hidden', async () => {
    const [book, critic] = [aBook(), aCritic()];
    const bookId: string = (await api.http.post(books.path).send(book).expect(201)).body.id;
    const criticId: string = (await api.http.post(critics.path).send(critic).expect(201)).body.id;
    const { criticId: other } = make();
    const { id } = await create(aReview({ bookId, criticId: other }));
    await change(id, { criticId });
    await change(id, { criticId: other });
    await api.http.delete(`${critics.path}/${criticId}`).expect(204);
    expectProblem(await revert(id, 2), 422, 'foreign_key', [{ pointer: '/criticId' }]);
    await remove(id);
    await api.http.delete(`${books.path}/${bookId}`).expect(204);
    expectProblem(await revert(id, 1), 422, 'foreign_key', [{ pointer: '/bookId' }]);
  });

  it('answers 422 for a version there is not, or which is its deletion, and 404 for no record', async () => {
    const { id } = await create();
    expectProblem(await revert(id, 2), 422, 'unknown_version', [{ pointer: '/version' }]);
    await remove(id);
    expectProblem(await revert(id, 2), 422, 'deleted_version', [{ pointer: '/version' }]);
    expectProblem(await revert(UNKNOWN_ID, 1), 404, 'not_found');
    for (const version of [0, -1, 1.5, '1', null, 2 ** 31])
      expectProblem(await api.http.post(`${path}/${id}/revert`).send({ version }), 422);
    expectProblem(await api.http.post(`${path}/${id}/revert`).send({ version: 1, rating: 5 }), 422);
  });

  it('answers 412 where the record is not as If-Match demands', async () => {
    const first = await create(make({ title: 'A' }));
    const second = await change(first.id, { title: 'B' });
    const response = await revert(first.id, 1).set('If-Match', etagOf(first));
    expectProblem(response, 412, 'version');
    expect(response.headers.etag).toBe(etagOf(second));
    await revert(first.id, 1).set('If-Match', etagOf(second)).expect(200);
    await remove(first.id);
    expectProblem(await revert(first.id, 1).set('If-Match', '*'), 412, 'version');
  });

  it('is done once under one Idempotency-Key', async () => {
    const first = await create(make({ title: 'A' }));
    await change(first.id, { title: 'B' });
    const send = () => revert(first.id, 1).set('Idempotency-Key', `revert-${first.id}`).expect(200);
    expect((await send()).body).toEqual((await send()).body);
    expect(versionsOf(await history(first.id))).toEqual([3, 2, 1]);
  });
});

it('leaves the key of a deleted record free, for POST, PUT and import', async () => {
  const values = make();
  const ids = new Set<string>();
  const next = async (id: string) => {
    ids.add(id);
    await remove(id);
  };
  await next((await create(values)).id);
  await next((await create(values)).id);
  await next((await api.http.put(path).send(values).expect(201)).body.id);
  await next((await api.http.put(`${path}/bulk`).send([values]).expect(200)).body.results[0].id);
  const report = await api.http
    .post(`${path}/import?mode=upsert`)
    .type('application/x-ndjson')
    .send(JSON.stringify(values))
    .expect(200);
  expect(report.body).toMatchObject({ created: 1 });
  expect(ids.size).toBe(4);
  for (const id of ids) expect(versionsOf(await history(id))).toEqual([2, 1]);
});

describe('the database', () => {
  const version = (values: string) =>
    `INSERT INTO review_versions (id, title, critic_id, book_id, rating, version)
     SELECT id, title, critic_id, book_id, rating, ${values} FROM review LIMIT 1`;
  const TWO = version('version + n').replace(
    'FROM review LIMIT 1',
    'FROM (SELECT * FROM review LIMIT 1) AS r, (VALUES (1), (2)) AS v (n)',
  );
  beforeAll(async () => void (await create()));

  const REWRITES = [
    ...['review', 'review_versions'].flatMap((table) => [
      `UPDATE ${table} SET rating = 1`,
      `UPDATE ${table} SET id = id`,
      `DELETE FROM ${table}`,
      `TRUNCATE ${table}`,
    ]),
    'INSERT INTO review SELECT * FROM review',
    `INSERT INTO review SELECT * FROM review ON CONFLICT (id) DO UPDATE SET rating = 1`,
    'MERGE INTO review USING review AS r ON r.id = review.id WHEN MATCHED THEN DELETE',
    'TRUNCATE book CASCADE',
  ];
  const LOOPHOLES = [
    'ALTER TABLE review DISABLE TRIGGER ALL',
    'DROP TRIGGER append_only_guard ON review_versions',
    `SET session_replication_role = 'replica'`,
    `CREATE TEMP TABLE forged (LIKE review_versions);
     CREATE TRIGGER forge AFTER INSERT ON forged REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION review_project()`,
    `CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
  ];
  const untouched = async (work: () => Promise<unknown>) => {
    const read = () =>
      asAdmin(
        async (client) =>
          (
            await client.query(
              'SELECT v::text FROM review_versions AS v UNION ALL SELECT r::text FROM review AS r ORDER BY 1',
            )
          ).rows,
      );
    const before = await read();
    await work();
    expect(await read()).toEqual(before);
  };

  it.each([...REWRITES, ...LOOPHOLES])('refuses whoever serves requests: %s', (statement) =>
    untouched(async () => {
      const refused = api.inTenant(() => currentUnit().manager.query(statement));
      await expect(refused).rejects.toMatchObject({ driverError: { code: '42501' } });
    }),
  );

  it.each(REWRITES)('refuses its owner and a superuser: %s', (statement) =>
    untouched(() =>
      asAdmin(async (client) => {
        await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
        await client.query(`SET ROLE ${api.prefix}owner`);
        await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
      }),
    ),
  );

  it('refuses its owner to delete versions, whatever they say to be', () =>
    untouched(() =>
      asAdmin(async (client) => {
        await client.query(`SET ROLE ${api.prefix}owner; SET app.projects = 'review_versions'; SET app.erases = 'on'`);
        await expect(client.query('DELETE FROM review_versions')).rejects.toMatchObject({ code: '42501' });
      }),
    ));

  it('refuses who says to be the trigger, and is not its owner', () =>
    untouched(async () => {
      const pretend = api.inTenant(async () => {
        await currentUnit().manager.query(`SET LOCAL app.projects = 'review'; SET LOCAL app.erases = 'on'`);
        await currentUnit().manager.query('UPDATE review SET id = id');
      });
      await expect(pretend).rejects.toMatchObject({ driverError: { code: '42501' } });
    }));

  it.each([
    ['a version that is not the next', version('version + 2'), '40001'],
    ['a version that there is', version('version'), '23505'],
    ['the version 0', version('0'), '23514'],
    ['two versions of one record at once', TWO, '21000'],
    [
      'two versions of one record at once, the last of which deletes it',
      TWO.replace('version)', 'version, deleted)').replace('version + n', 'version + n, n = 2'),
      '21000',
    ],
    [
      'two versions of one record at once, the last of which brings it back',
      TWO.replace('version)', 'version, deleted)').replace('version + n', 'version + n, n = 1'),
      '21000',
    ],
    [
      'a version that deletes and is not the next',
      version('version + 2, true').replace('version)', 'version, deleted)'),
      '40001',
    ],
    [
      'a version without what a record has',
      version('version + 1').replace(
        'title, critic_id, book_id, rating, version + 1',
        'NULL, critic_id, book_id, rating, version + 1',
      ),
      '23502',
    ],
  ])('refuses %s', (_what, statement, code) =>
    untouched(async () => {
      await expect(api.inTenant(() => currentUnit().manager.query(statement))).rejects.toMatchObject({
        driverError: { code },
      });
    }),
  );
});

describe('of those who write one record at once', () => {
  it('all are heard where none names a version', async () => {
    const { id } = await create(make({ title: 'start' }));
    const answers = await Promise.all(
      TEN.map((n) => begin(api.http.patch(`${path}/${id}`).send({ title: `by ${n}` }))),
    );
    expect(statuses(answers)).toEqual(TEN.map(() => 200));
    const { items } = await history(id);
    expect(versionsOf({ items })).toEqual([11, ...TEN.toReversed().map((n) => n + 1)]);
    expect(new Set(items.map(({ record }: Values) => record.title)).size).toBe(11);
  });

  it('one is heard, and the others get 412, where all name the same version', async () => {
    const first = await create();
    const send = (n: number) =>
      begin(
        api.http
          .patch(`${path}/${first.id}`)
          .set('If-Match', etagOf(first))
          .send({ title: `by ${n}` }),
      );
    expect(statuses(await Promise.all(TEN.map(send)))).toEqual([200, ...TEN.slice(1).map(() => 412)]);
    expect(versionsOf(await history(first.id))).toEqual([2, 1]);
  });

  it('one brings it back, and the others find it so', async () => {
    const { id } = await create();
    await remove(id);
    expect(statuses(await Promise.all(TEN.map(() => begin(revert(id, 1)))))).toEqual(TEN.map(() => 200));
    expect(versionsOf(await history(id))).toEqual([3, 2, 1]);
  });

  it('one gets the key, and the other 409', async () => {
    const values = make();
    await withRival(api, async (rival) => {
      await rival.run(
        `INSERT INTO review_versions (id, title, critic_id, book_id, rating, version) VALUES (gen_random_uuid(), 'T', $1, $2, 1, 1)`,
        [values.criticId, values.bookId],
      );
      const posted = begin(api.http.post(path).send(values));
      await rival.blocks(1);
      await rival.commit();
      expectProblem(await posted, 409, 'unique', [{ pointer: '/criticId' }]);
    });
  });

  const NEXT = `INSERT INTO review_versions (id, title, critic_id, book_id, rating, created_at, version)
    SELECT id, 'rival', critic_id, book_id, rating, created_at, version + 1 FROM
      (SELECT DISTINCT ON (id) * FROM review_versions WHERE id = $1 ORDER BY id, version DESC) AS v`;
  const VERBS: [string, (record: Values) => PromiseLike<Response>][] = [
    ['PATCH', ({ id }) => api.http.patch(`${path}/${id}`).send({ rating: 1 })],
    ['PUT', ({ criticId, bookId }) => api.http.put(path).send({ criticId, bookId, rating: 1 })],
    ['PATCH /bulk', ({ id }) => api.http.patch(`${path}/bulk`).send([{ id, rating: 1 }])],
    [
      'an import',
      ({ criticId, bookId }) =>
        api.http
          .post(`${path}/import?mode=upsert`)
          .type('application/x-ndjson')
          .send(JSON.stringify({ criticId, bookId, rating: 1 })),
    ],
    ['revert', ({ id }) => revert(id, 1)],
  ];
  it.each(VERBS)('%s goes on from the version that was faster, wherever that came from', async (verb, send) => {
    const first = await create(make({ title: 'A', rating: 5 }));
    await withRival(api, async (rival) => {
      await rival.run(NEXT, [first.id]);
      const sent = begin(send(first));
      await rival.blocks(1);
      await rival.commit();
      expect((await sent).status).toBe(200);
    });
    const expected = verb === 'revert' ? { title: 'A', rating: 5 } : { title: 'rival', rating: 1 };
    expect((await history(first.id)).items[0]).toMatchObject({ version: 3, record: expected });
  });

  it('a revert that loses the next version of a deleted record tries again', async () => {
    const first = await create(make({ title: 'A', rating: 5 }));
    await remove(first.id);
    await withRival(api, async (rival) => {
      await rival.run(NEXT, [first.id]); // there again, as version 3
      const sent = begin(revert(first.id, 1));
      await rival.blocks(1);
      await rival.commit();
      expect((await sent).body).toMatchObject({ version: 4, title: 'A' });
    });
  });

  it('keeps nobody waiting who only refers to it', async () => {
    const { id } = await create();
    await withRival(api, async (rival) => {
      await rival.run('SELECT FROM review WHERE id = $1 FOR KEY SHARE', [id]);
      expect(await change(id, { title: 'B' })).toMatchObject({ version: 2 });
    });
  });

  describe('where versions and record do not fit, because somebody went past all guards,', () => {
    const tamper = (text: string, id: string) =>
      asAdmin((client) => client.query(`SET session_replication_role = replica; ${text.replaceAll('$1', `'${id}'`)}`));

    it('a version that is there, and one that does not follow, are 409', async () => {
      const there = await create();
      const NEXT_BUT_DELETED = NEXT.replace('created_at, version)', 'created_at, version, valid_from, actor)').replace(
        'version + 1 FROM',
        `version + 1, now(), 'x' FROM`,
      );
      await tamper(NEXT_BUT_DELETED, there.id);
      expectProblem(await api.http.patch(`${path}/${there.id}`).send({ title: 'B' }), 409, 'overtaken');
      const gap = await create();
      await tamper('DELETE FROM review_versions WHERE id = $1', gap.id);
      expectProblem(await api.http.patch(`${path}/${gap.id}`).send({ title: 'B' }), 409, 'overtaken');
      expectProblem(await api.http.delete(`${path}/${gap.id}`), 409, 'overtaken');
    });

    const GONE = 'DELETE FROM review WHERE id = $1;';
    it.each([
      ['follows on one whose record has gone', GONE, 'version + 1, false'],
      ['deletes what has gone', GONE, 'version + 1, true'],
      [
        'follows on one that is not what the record is',
        'UPDATE review SET version = 3 WHERE id = $1',
        'version + 1, false',
      ],
      [
        'is the first, where there are others',
        `${GONE} DELETE FROM review_versions WHERE id = $1 AND version = 1`,
        '1, false',
      ],
    ])('a version is refused that %s', async (_what, damage, values) => {
      const { id } = await create();
      await change(id, { title: 'B' });
      await tamper(damage, id);
      const next = NEXT.replace('created_at, version)', 'created_at, version, deleted)')
        .replace('version + 1 FROM', `${values} FROM`)
        .replace('$1', `'${id}'`);
      const refused = api.inTenant(() => currentUnit().manager.query(next));
      await expect(refused).rejects.toMatchObject({ driverError: { code: '40001' } });
    });

    it('a revert gives up', async () => {
      const { id } = await create();
      await change(id, { title: 'B' });
      await tamper('DELETE FROM review WHERE id = $1', id);
      expectProblem(await revert(id, 1), 409, 'overtaken');
    });
  });

  it('does not go back in time when the clock does', async () => {
    const { id } = await create();
    const [made] = await times(id);
    await asAdmin((client) =>
      client.query(
        `SET session_replication_role = replica; UPDATE review_versions SET valid_from = valid_from + interval '1 hour' WHERE id = '${id}'`,
      ),
    );
    await change(id, { title: 'B' });
    const [first, second] = (await times(id)).map((time) => Date.parse(time) - Date.parse(made));
    expect([first, second]).toEqual([3_600_000, 3_600_001]);
  });
});
