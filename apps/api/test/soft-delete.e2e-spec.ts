import type { Response } from 'supertest';
import { currentUnit } from '@app/database';
import { aBook, aCritic, aReview } from '@app/domain';
import { startApi, TestApi } from '@app/testing';
import { books, critics, reviews, Values } from './models';
import { expectProblem } from './problems';
import { begin, Rival, withRival } from './rival';

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';
const { path } = critics;

let api: TestApi;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.close());

const etagOf = ({ id, version }: Values): string => `"${id}.${version}"`;
const create = async (values: Values = aCritic()): Promise<Values> =>
  (await api.http.post(path).send(values).expect(201)).body;
const createMany = async (items: Values[]): Promise<string[]> =>
  (await api.http.post(`${path}/bulk`).send(items).expect(201)).body.ids;
const remove = async (id: string) => void (await api.http.delete(`${path}/${id}`).expect(204));
const purge = (id: string) => api.http.delete(`${path}/${id}`).query({ purge: true });
const restore = (id: string) => api.http.post(`${path}/${id}/restore`);
const list = async (query: Values): Promise<Values> => (await api.http.get(path).query(query).expect(200)).body;
const idsOf = ({ items }: Values): string[] => items.map(({ id }: Values) => id);
/** The record as it is, deleted or not. */
const found = async (id: string): Promise<Values | undefined> =>
  (await list({ deleted: 'include', 'filter[id][eq]': id })).items[0];
/** A critic who is deleted, and what is left of them. */
const deleted = async (values: Values = aCritic()): Promise<Values> => {
  const { id } = await create(values);
  await remove(id);
  return (await found(id))!;
};
const statuses = (answers: Response[]): number[] => answers.map(({ status }) => status).sort();

const expectMoved = (after: Values, before: Values, changed: Values) => {
  expect(after).toEqual({ ...before, ...changed, version: before.version + 1, updatedAt: after.updatedAt });
  expect(Date.parse(after.updatedAt)).toBeGreaterThan(Date.parse(before.updatedAt));
};

describe('a deleted critic', () => {
  it('stays as it was, with the time of its deletion, and its version moves', async () => {
    const before = await create();
    await remove(before.id);
    const after = (await found(before.id))!;
    expectMoved(after, before, { deletedAt: after.updatedAt });
    expect(before.deletedAt).toBeNull();
  });

  it.each([
    ['GET', (id: string) => api.http.get(`${path}/${id}`)],
    ['PATCH', (id: string) => api.http.patch(`${path}/${id}`).send({ name: 'Changed' })],
    ['DELETE', (id: string) => api.http.delete(`${path}/${id}`)],
  ])('is not there for %s: 404', async (_method, send) => {
    const row = await deleted();
    expectProblem(await send(row.id), 404, 'not_found');
    expectProblem(await send(row.id).set('If-Match', etagOf(row)), 404, 'not_found');
    expect(await found(row.id)).toEqual(row);
  });

  it('is missing where many are read, and not found where many are changed or deleted', async () => {
    const [live, gone] = [await create(), await deleted()];
    const ids = [gone.id, live.id];
    expect((await api.http.post(`${path}/bulk/read`).send({ ids })).body).toEqual({
      items: [live],
      missing: [gone.id],
    });
    const change = await api.http.patch(`${path}/bulk`).send(ids.map((id) => ({ id, name: 'Changed' })));
    expectProblem(change, 404, 'not_found', [{ index: 0, pointer: '/0' }]);
    const deletion = await api.http.post(`${path}/bulk/delete`).send({ ids });
    expectProblem(deletion, 404, 'not_found', [{ index: 0, pointer: '/ids/0' }]);
    expect([await found(live.id), await found(gone.id)]).toEqual([live, gone]);
  });

  it('leaves its username free, for POST, PATCH and bulk alike', async () => {
    const { id, username } = await deleted();
    const second = await create(aCritic({ username }));
    expect(second.id).not.toBe(id);
    await remove(second.id);
    const third = await create();
    await api.http.patch(`${path}/${third.id}`).send({ username }).expect(200);
    await remove(third.id);
    const [fourth] = await createMany([aCritic({ username })]);
    expect(idsOf(await list({ deleted: 'include', 'filter[username][eq]': username }))).toEqual(
      [id, second.id, third.id, fourth].sort(),
    );
  });
});

describe.each([
  ['DELETE of one', (ids: string[]) => Promise.all(ids.map(remove))],
  ['DELETE in bulk', (ids: string[]) => api.http.post(`${path}/bulk/delete`).send({ ids }).expect(200)],
  [
    'DELETE in bulk, mode=partial',
    (ids: string[]) =>
      api.http
        .post(`${path}/bulk/delete?mode=partial`)
        .send({ ids: [UNKNOWN_ID, ...ids] })
        .expect(207),
  ],
  [
    'DELETE by filter',
    (ids: string[]) => {
      const filter = ids.map((id) => `filter[id][in]=${id}`).join('&');
      return api.http.delete(`${path}?${filter}`).expect(200, { count: ids.length });
    },
  ],
])('%s', (_name, send) => {
  it('hides the records, reviewed or not, and moves their versions', async () => {
    const before = [await create(), await create(), await create()];
    const { id: bookId } = (await api.http.post(books.path).send(aBook()).expect(201)).body;
    const review = aReview({ criticId: before[0].id, bookId });
    const { id: reviewId } = (await api.http.post(reviews.path).send(review).expect(201)).body;

    await send([before[0].id, before[1].id]);
    for (const row of before.slice(0, 2)) {
      const after = (await found(row.id))!;
      expectMoved(after, row, { deletedAt: after.updatedAt });
    }
    expect(await found(before[2].id)).toEqual(before[2]);
    const { body } = await api.http.get(`${reviews.path}/${reviewId}?include=critic`).expect(200);
    expect(body.critic).toEqual(await found(before[0].id));
    expect(body.critic.deletedAt).not.toBeNull();
  });
});

describe('a list', () => {
  const mark = `list ${Date.now()}`;
  let [live, gone]: string[][] = [];
  beforeAll(async () => {
    const ids = await createMany(['c', 'a', 'd', 'b'].map((name) => aCritic({ name, bio: mark })));
    await remove(ids[3]);
    await remove(ids[0]);
    [live, gone] = [
      [ids[1], ids[2]],
      [ids[0], ids[3]],
    ];
  });
  const listed = (query: Values) => list({ 'filter[bio][eq]': mark, count: 'exact', ...query });

  it.each([
    ['not', undefined, () => live],
    ['not', 'exclude', () => live],
    ['too', 'include', () => [...live, ...gone].sort()],
    ['only', 'only', () => gone],
  ])('has the deleted ones %s with deleted=%s, and counts so', async (_how, deleted, expected) => {
    const body = await listed(deleted ? { deleted } : {});
    expect(idsOf(body)).toEqual(expected());
    expect(body.total).toBe(expected().length);
  });

  it('filters, sorts and pages with them in it', async () => {
    const [c, b] = gone;
    const [a, d] = live;
    expect(idsOf(await listed({ deleted: 'include', sort: '-name' }))).toEqual([d, c, b, a]);
    expect(idsOf(await listed({ deleted: 'only', sort: 'deletedAt' }))).toEqual([b, c]);
    expect(idsOf(await listed({ deleted: 'include', 'filter[name][gte]': 'b', sort: 'name' }))).toEqual([b, c, d]);
    expect(idsOf(await listed({ deleted: 'include', 'filter[deletedAt][null]': true }))).toEqual(live);
    const first = await listed({ deleted: 'include', sort: 'name', limit: 2 });
    expect(idsOf(first)).toEqual([a, b]);
    const { nextCursor: cursor } = first;
    expect(idsOf(await listed({ deleted: 'include', sort: 'name', cursor }))).toEqual([c, d]);
    expectProblem(await api.http.get(path).query({ 'filter[bio][eq]': mark, sort: 'name', cursor }), 400);
  });

  it('refuses another word, and `deleted` where nothing is ever only hidden', async () => {
    expectProblem(await api.http.get(path).query({ deleted: 'yes' }), 400, 'is_in', [{ pointer: '/deleted' }]);
    expectProblem(await api.http.get(books.path).query({ deleted: 'only' }), 400, 'unknown_field');
  });
});

describe('restore', () => {
  it('shows the record again as it was, and moves its version', async () => {
    const before = await deleted();
    const { body, headers } = await restore(before.id).expect(200);
    expectMoved(body, before, { deletedAt: null });
    expect(headers.etag).toBe(etagOf(body));
    expect(headers.location).toBeUndefined();
    expect((await api.http.get(`${path}/${before.id}`).expect(200)).body).toEqual(body);
  });

  it('leaves one that is not deleted as it is', async () => {
    const row = await create();
    const { body, headers } = await restore(row.id).expect(200);
    expect(body).toEqual(row);
    expect(headers.etag).toBe(etagOf(row));
  });

  it('answers 404 for what never was or is purged, and 400 for what is no id', async () => {
    expectProblem(await restore(UNKNOWN_ID), 404, 'not_found');
    const { id } = await deleted();
    await purge(id).expect(204);
    expectProblem(await restore(id), 404, 'not_found');
    expectProblem(await restore('x'), 400, 'malformed_id');
  });

  it('is no route of models whose records are really gone', async () => {
    const { id } = (await api.http.post(books.path).send(aBook()).expect(201)).body;
    expectProblem(await api.http.post(`${books.path}/${id}/restore`), 404);
    expectProblem(await api.http.delete(`${books.path}/${id}?purge=true`), 400, 'unknown_field');
  });

  it('honours If-Match: 412 with the ETag it has now', async () => {
    const row = await deleted();
    const late = await restore(row.id).set('If-Match', `"${row.id}.1"`);
    expectProblem(late, 412, 'version');
    expect(late.headers.etag).toBe(etagOf(row));
    expect(await found(row.id)).toEqual(row);
    await restore(row.id).set('If-Match', etagOf(row)).expect(200);
  });

  it('answers 409 while another has the username, and nothing changes', async () => {
    const row = await deleted();
    const other = await create(aCritic({ username: row.username }));
    expectProblem(await restore(row.id), 409, 'unique', [{ pointer: '/username' }]);
    expect([await found(row.id), await found(other.id)]).toEqual([row, other]);
    await remove(other.id);
    await restore(row.id).expect(200);
    expectProblem(await restore(other.id), 409, 'unique');
  });
});

describe('purge', () => {
  it('deletes for good, whether deleted before or not', async () => {
    for (const { id } of [await create(), await deleted()]) {
      await purge(id).expect(204);
      expect(await found(id)).toBeUndefined();
      expectProblem(await purge(id), 404, 'not_found');
    }
  });

  it('only hides with purge=false, and takes no other word', async () => {
    const { id } = await create();
    expectProblem(await api.http.delete(`${path}/${id}?purge=yes`), 400, 'is_boolean', [{ pointer: '/purge' }]);
    await api.http.delete(`${path}/${id}?purge=false`).expect(204);
    expect(await found(id)).toBeDefined();
  });

  it('honours If-Match: 412 with the ETag it has now', async () => {
    const row = await deleted();
    const late = await purge(row.id).set('If-Match', `"${row.id}.1"`);
    expectProblem(late, 412, 'version');
    expect(late.headers.etag).toBe(etagOf(row));
    await purge(row.id).set('If-Match', etagOf(row)).expect(204);
  });

  it('answers 409 while a review refers to it, deleted or not', async () => {
    const { critic, review } = await reviewed();
    expectProblem(await purge(critic.id), 409, 'still_referenced', [{ pointer: '' }]);
    await remove(critic.id);
    expectProblem(await purge(critic.id), 409, 'still_referenced');
    await api.http.delete(`${reviews.path}/${review.id}`).expect(204);
    await purge(critic.id).expect(204);
  });
});

describe('an upsert by a deleted username', () => {
  const one = (values: Values) => api.http.put(path).send(values);

  it('revives the record: what is omitted stays, and its version moves', async () => {
    const before = await deleted();
    const { body, headers } = await one({ username: before.username, name: 'Back' }).expect(200);
    expectMoved(body, before, { name: 'Back', deletedAt: null });
    expect([headers.etag, headers.location]).toEqual([etagOf(body), undefined]);
    expect(await found(before.id)).toEqual(body);
  });

  it('moves the version even if nothing else changes', async () => {
    const before = await deleted();
    const { body } = await one({ username: before.username }).expect(200);
    expectMoved(body, before, { deletedAt: null });
  });

  it('revives in bulk, beside those it creates and changes', async () => {
    const [live, gone, fresh] = [await create(), await deleted(), aCritic()];
    const items = [{ username: gone.username, bio: null }, fresh, { username: live.username, name: 'Changed' }];
    const { body } = await api.http.put(`${path}/bulk`).send(items).set('Prefer', 'return=representation').expect(200);
    expect(body.results).toMatchObject([
      { status: 200, created: false, id: gone.id },
      { status: 201, created: true },
      { status: 200, created: false, id: live.id },
    ]);
    expectMoved(body.results[0].item, gone, { bio: null, deletedAt: null });
    expectMoved(body.results[2].item, live, { name: 'Changed' });
    for (const { item } of body.results) expect(await found(item.id)).toEqual(item);
  });

  describe.each([
    ['PUT', async (username: string) => (await one({ username }).expect(200)).body.id as string],
    [
      'PUT in bulk',
      async (username: string) =>
        (await api.http.put(`${path}/bulk`).send([aCritic(), { username }]).expect(200)).body.ids[1] as string,
    ],
  ])('%s', (_name, upsert) => {
    it('revives the last deleted of several, in whatever order they were made', async () => {
      const { username } = aCritic();
      const rows = [];
      for (let n = 0; n < 3; n++) rows.push(await deleted(aCritic({ username })));
      const [first, second, third] = rows;
      expect(await upsert(username)).toBe(third.id);
      await purge(third.id).expect(204);
      await restore(first.id).expect(200);
      await remove(first.id); // now the oldest is the last deleted
      expect(await upsert(username)).toBe(first.id);
      expect(await found(second.id)).toEqual(second);
    });

    it('prefers the one that is not deleted', async () => {
      const gone = await deleted();
      const live = await create(aCritic({ username: gone.username }));
      expect(await upsert(gone.username)).toBe(live.id);
      expect(await found(gone.id)).toEqual(gone);
    });
  });

  it('revives under the If-Match of the deleted record, and under no older one', async () => {
    const row = await deleted();
    const late = await one({ username: row.username }).set('If-Match', `"${row.id}.1"`);
    expectProblem(late, 412, 'version');
    await one({ username: row.username }).set('If-Match', etagOf(row)).expect(200);
  });

  it('creates with If-None-Match: *, for to the client there is none', async () => {
    const gone = await deleted();
    const { body } = await one(aCritic({ username: gone.username }))
      .set('If-None-Match', '*')
      .expect(201);
    expect(body).toMatchObject({ version: 1, deletedAt: null });
    expect(body.id).not.toBe(gone.id);
    expect(await found(gone.id)).toEqual(gone);
  });

  it('is refused with If-Match: *, for to the client there is none: 412', async () => {
    const gone = await deleted();
    expectProblem(await one({ username: gone.username }).set('If-Match', '*'), 412, 'version');
    expect(await found(gone.id)).toEqual(gone);
  });

  it('tells in a dry run what it would revive, and revives nothing', async () => {
    const row = await deleted();
    const { body } = await api.http
      .put(`${path}/bulk?dryRun=true`)
      .send([{ username: row.username }])
      .expect(200);
    expect(body).toEqual({ count: 1, ids: [row.id], results: [{ index: 0, status: 200, id: row.id, created: false }] });
    expect(await found(row.id)).toEqual(row);
  });
});

/** A critic, a book, and a review of the one by the other. */
async function reviewed(): Promise<{ critic: Values; bookId: string; review: Values }> {
  const critic = await create();
  const bookId = (await api.http.post(books.path).send(aBook()).expect(201)).body.id as string;
  const review = (
    await api.http
      .post(reviews.path)
      .send(aReview({ criticId: critic.id, bookId }))
      .expect(201)
  ).body;
  return { critic, bookId, review };
}

describe('a review of a deleted critic', () => {
  let critic: Values;
  let bookId: string;
  let review: Values;
  beforeEach(async () => {
    ({ critic, bookId, review } = await reviewed());
    await remove(critic.id);
  });
  const patch = (values: Values, id: string = review.id) => api.http.patch(`${reviews.path}/${id}`).send(values);
  const another = async () => (await api.http.post(books.path).send(aBook()).expect(201)).body.id as string;
  const DEAD = { code: 'foreign_key', pointer: '/criticId' };

  it('stays, and shows when the critic was deleted', async () => {
    const { body } = await api.http.get(`${reviews.path}/${review.id}?include=critic`).expect(200);
    expect(body).toEqual({ ...review, critic: await found(critic.id) });
    const listed = await api.http.get(reviews.path).query({ include: 'critic', 'filter[criticId][eq]': critic.id });
    expect(listed.body.items).toEqual([body]);
  });

  it('can be changed as long as it goes on to refer to them, one or many, PATCH or PUT', async () => {
    const { criticId } = review;
    const titles: string[] = [];
    const change = async (send: (values: Values) => PromiseLike<Response>) => {
      titles.push(`Changed ${titles.length}`);
      expect((await send({ title: titles.at(-1) })).status).toBe(200);
      expect((await api.http.get(`${reviews.path}/${review.id}`)).body.title).toBe(titles.at(-1));
    };
    await change((values) => patch(values));
    await change((values) => patch({ ...values, criticId }));
    await change((values) => patch({ ...values, criticId: criticId.toUpperCase() }));
    await change((values) => api.http.put(reviews.path).send({ criticId, bookId, ...values }));
    await change((values) => api.http.patch(`${reviews.path}/bulk`).send([{ id: review.id, criticId, ...values }]));
    await change((values) => api.http.put(`${reviews.path}/bulk`).send([{ criticId, bookId, ...values }]));
    await change(async (values) => patch({ ...values, criticId, bookId: await another() }));
  });

  it.each([
    ['POST', (values: Values) => api.http.post(reviews.path).send(aReview(values as never))],
    ['PUT', (values: Values) => api.http.put(reviews.path).send(aReview(values as never))],
  ])('cannot be written anew by %s: 422', async (_method, send) => {
    const rows = await count('review');
    expectProblem(await send({ criticId: critic.id, bookId: await another() }), 422, 'foreign_key', [DEAD]);
    expect(await count('review')).toBe(rows);
  });

  it.each(['post', 'put'] as const)('cannot be written anew in bulk by %s: each is named', async (method) => {
    const { id: criticId } = await create();
    const items = [
      aReview({ criticId: critic.id, bookId: await another() }),
      aReview({ criticId, bookId: await another() }),
      aReview({ criticId: UNKNOWN_ID, bookId: await another() }),
    ];
    const rows = await count('review');
    expectProblem(await api.http[method](`${reviews.path}/bulk`).send(items), 422, 'foreign_key', [
      { index: 0, pointer: '/0/criticId' },
      { index: 2, pointer: '/2/criticId' },
    ]);
    expect(await count('review')).toBe(rows);
    const { body } = await api.http[method](`${reviews.path}/bulk?mode=partial`).send(items).expect(207);
    expect(body.results).toMatchObject([
      { status: 422, problem: { errors: [DEAD] } },
      { status: 201 },
      { status: 422, problem: { errors: [DEAD] } },
    ]);
  });

  it('cannot become one of theirs: 422 for PATCH, one or many, and nothing changes', async () => {
    const other = (await reviewed()).review;
    expectProblem(await patch({ title: 'Changed', criticId: critic.id }, other.id), 422, 'foreign_key', [DEAD]);
    const bulk = await api.http.patch(`${reviews.path}/bulk`).send([
      { id: review.id, title: 'Changed' },
      { id: other.id, criticId: critic.id },
    ]);
    expectProblem(bulk, 422, 'foreign_key', [{ index: 1, pointer: '/1/criticId' }]);
    for (const row of [other, review])
      expect((await api.http.get(`${reviews.path}/${row.id}`).expect(200)).body).toEqual(row);
  });

  it('is not found rather than refused when there is no such review', async () => {
    expectProblem(await patch({ criticId: critic.id }, UNKNOWN_ID), 404, 'not_found');
  });

  it('can be written again once the critic is restored', async () => {
    await restore(critic.id).expect(200);
    const values = aReview({ criticId: critic.id, bookId: await another() });
    await api.http.post(reviews.path).send(values).expect(201);
  });
});

const count = (table: string): Promise<number> =>
  api.inTenant(async () => {
    const [{ n }] = await currentUnit().manager.query(`SELECT count(*)::int AS n FROM ${table}`);
    return n;
  });

describe('a race', () => {
  const REMOVE = 'UPDATE critic SET deleted_at = now(), updated_at = now(), version = version + 1 WHERE id = $1';
  const REVIVE = 'UPDATE critic SET deleted_at = NULL, updated_at = now(), version = version + 1 WHERE id = $1';
  const INSERT = `INSERT INTO critic (id, username, version) VALUES (gen_random_uuid(), $1, 1)`;
  /** What the API answers to `requests`, which all wait for the rival and go on when it commits. */
  const meanwhile = async (rival: Rival, ...requests: PromiseLike<Response>[]): Promise<Response[]> => {
    const answers = Promise.all(requests.map(begin));
    await rival.blocks(requests.length);
    await rival.commit();
    return answers;
  };

  describe.each([
    ['POST', (values: Values) => api.http.post(reviews.path).send(aReview(values as never))],
    ['PUT', (values: Values) => api.http.put(reviews.path).send(aReview(values as never))],
  ])('%s of a review', (_method, send) => {
    it.each([
      ['deleted', REMOVE],
      ['purged', 'DELETE FROM critic WHERE id = $1'],
    ])('is refused when its critic is %s meanwhile: 422', (_what, text) =>
      withRival(api, async (rival) => {
        const { id: criticId } = await create();
        const { id: bookId } = (await api.http.post(books.path).send(aBook()).expect(201)).body;
        await rival.run(text, [criticId]);
        const [answer] = await meanwhile(rival, send({ criticId, bookId }));
        expectProblem(answer, 422, 'foreign_key', [{ pointer: '/criticId' }]);
      }),
    );

    it('is done when its critic is restored meanwhile', () =>
      withRival(api, async (rival) => {
        const { id: criticId } = await deleted();
        const { id: bookId } = (await api.http.post(books.path).send(aBook()).expect(201)).body;
        await rival.run(REVIVE, [criticId]);
        const [answer] = await meanwhile(rival, send({ criticId, bookId }));
        expect(answer.status).toBe(201);
      }));
  });

  it('PATCH of a review to a critic who is deleted meanwhile is refused: 422', () =>
    withRival(api, async (rival) => {
      const { review } = await reviewed();
      const { id: criticId } = await create();
      await rival.run(REMOVE, [criticId]);
      const [answer] = await meanwhile(rival, api.http.patch(`${reviews.path}/${review.id}`).send({ criticId }));
      expectProblem(answer, 422, 'foreign_key', [{ pointer: '/criticId' }]);
      expect((await api.http.get(`${reviews.path}/${review.id}`)).body).toEqual(review);
    }));

  it('DELETE of a critic waits for a review that is being written, which then stays', () =>
    withRival(api, async (rival) => {
      const { id: criticId } = await create();
      const { id: bookId } = (await api.http.post(books.path).send(aBook()).expect(201)).body;
      await rival.run('SELECT FROM book WHERE id = $1 FOR UPDATE', [bookId]);
      const written = begin(api.http.post(reviews.path).send(aReview({ criticId, bookId })));
      await rival.blocks(1);
      const removed = begin(api.http.delete(`${path}/${criticId}`));
      await rival.blocks(2);
      await rival.commit();
      expect(statuses([await written, await removed])).toEqual([201, 204]);
      const { body } = await api.http.get(`${reviews.path}/${(await written).body.id}?include=critic`).expect(200);
      expect(body.critic.deletedAt).toEqual(expect.any(String));
    }));

  it('restore is refused when another takes the username meanwhile: 409', () =>
    withRival(api, async (rival) => {
      const row = await deleted();
      await rival.run(INSERT, [row.username]);
      const [answer] = await meanwhile(rival, restore(row.id));
      expectProblem(answer, 409, 'unique', [{ pointer: '/username' }]);
      expect(await found(row.id)).toEqual(row);
    }));

  it('PUT changes the record that took the deleted username meanwhile', () =>
    withRival(api, async (rival) => {
      const row = await deleted();
      await rival.run(INSERT, [row.username]);
      const [answer] = await meanwhile(rival, api.http.put(path).send({ username: row.username, name: 'Changed' }));
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ version: 2, name: 'Changed', deletedAt: null });
      expect(answer.body.id).not.toBe(row.id);
      expect(await found(row.id)).toEqual(row);
    }));

  it('PUT revives what is deleted meanwhile', () =>
    withRival(api, async (rival) => {
      const { id, username } = await create();
      await rival.run(REMOVE, [id]);
      const [answer] = await meanwhile(rival, api.http.put(path).send({ username, name: 'Changed' }));
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ id, version: 3, name: 'Changed', deletedAt: null });
    }));

  it.each([
    ['PATCH', (id: string) => api.http.patch(`${path}/${id}`).send({ name: 'Changed' })],
    ['DELETE', (id: string) => api.http.delete(`${path}/${id}`)],
  ])('%s of what is deleted meanwhile answers 404', (_method, send) =>
    withRival(api, async (rival) => {
      const { id } = await create();
      await rival.run(REMOVE, [id]);
      const [answer] = await meanwhile(rival, send(id));
      expectProblem(answer, 404, 'not_found');
      expect((await found(id))!.version).toBe(2);
    }),
  );

  it.each([
    ['PUT', (username: string) => api.http.put(path).send({ username })],
    ['PUT in bulk', (username: string) => api.http.put(`${path}/bulk`).send([{ username }])],
  ])('two %s revive a record once, and both are told so', (_name, send) =>
    withRival(api, async (rival) => {
      const { id, username, version } = await deleted();
      await rival.run('SELECT FROM critic WHERE id = $1 FOR UPDATE', [id]);
      const answers = await meanwhile(rival, send(username), send(username));
      expect(statuses(answers)).toEqual([200, 200]);
      expect(idsOf(await list({ deleted: 'include', 'filter[username][eq]': username }))).toEqual([id]);
      expect(await found(id)).toMatchObject({ deletedAt: null, version: version + 1 });
    }),
  );

  it('of PUT and restore revives a record once', () =>
    withRival(api, async (rival) => {
      const { id, username, version } = await deleted();
      await rival.run('SELECT FROM critic WHERE id = $1 FOR UPDATE', [id]);
      const answers = await meanwhile(rival, api.http.put(path).send({ username }), restore(id));
      expect(statuses(answers)).toEqual([200, 200]);
      expect(await found(id)).toMatchObject({ deletedAt: null, version: version + 1 });
    }));

  it('of many for one username ends with one record that is not deleted, and no answer of 500', async () => {
    const { id, username } = await deleted();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_turn, n) => [
        api.http.put(path).send({ username, name: `${n}` }),
        api.http.post(path).send(aCritic({ username })),
        api.http.post(`${path}/${id}/restore`),
      ]).flat(),
    );
    expect(answers.filter(({ status }) => ![200, 201, 409].includes(status))).toEqual([]);
    expect((await list({ 'filter[username][eq]': username })).items).toHaveLength(1);
  });
});
