import type { Response } from 'supertest';
import { aReview } from '@app/domain';
import { startApi, TestApi } from '@app/testing';
import { books, critics, Maker, Model, MODELS, reviews, Values } from './models';
import { expectProblem } from './problems';
import { begin, withRival } from './rival';

const ROUNDS = 5; // of races, each another order of events

let api: TestApi;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.close());

describe.each(MODELS)('DELETE $path by filter', (model: Model) => {
  const { path, nullable, mandatory, isSoftDelete } = model;
  const column = nullable.replaceAll(/[A-Z]/g, '_$&').toLowerCase();
  let make: Maker;
  beforeAll(async () => (make = await model.prepare(api)));

  const create = async (n: number, values: Values = {}): Promise<string[]> => {
    const items = Array.from({ length: n }, () => make(values));
    return (await api.http.post(`${path}/bulk`).send(items).expect(201)).body.ids;
  };
  const remaining = async (ids: string[]): Promise<string[]> => {
    const { body } = await api.http.post(`${path}/bulk/read`).send({ ids }).expect(200);
    return body.items.map(({ id }: Values) => id);
  };
  const remove = (query: Values) => api.http.delete(path).query(query);
  /** Selects those of `ids` that have a value for the field that may have none. */
  const having = (ids: string[]): Values => ({ 'filter[id][in]': ids, [`filter[${nullable}][null]`]: false });
  const next = (body: string, deleted: boolean) => `
    INSERT INTO review_versions (id, title, critic_id, book_id, rating, body, created_at, updated_at, version, deleted)
    SELECT id, title, critic_id, book_id, rating, ${body}, created_at, updated_at, version + 1, ${deleted} FROM review WHERE id = $1`;
  const [clear, drop] =
    model === reviews
      ? [next('NULL', false), next('body', true)]
      : [
          `UPDATE ${model.table} SET ${column} = NULL, version = version + 1 WHERE id = $1`,
          `DELETE FROM ${model.table} WHERE id = $1`,
        ];
  const lock = `SELECT FROM ${model.table} WHERE id = $1 FOR UPDATE`;

  it('deletes all that match all filters, says how many, and leaves the rest', async () => {
    const [matching, other] = [await create(3), await create(2, { [nullable]: null })];
    const outside = await create(1);
    const { body, headers } = await remove(having([...matching, ...other])).expect(200);
    expect(body).toEqual({ count: 3 });
    expect(headers.etag).toBeUndefined();
    expect(await remaining([...matching, ...other, ...outside])).toEqual([...other, ...outside]);
  });

  it('takes the filters of lists', async () => {
    const [a, b, c, d] = await create(4);
    const { createdAt, [mandatory]: text } = (await api.http.get(`${path}/${a}`)).body;
    const all = { 'filter[id][in]': [a, b, c, d] };
    await remove({ 'filter[id][eq]': b, 'filter[createdAt][gte]': createdAt }).expect(200, { count: 1 });
    await remove({ ...all, 'filter[id][nin]': [a, d], 'filter[version][between]': [1, 2] }).expect(200, { count: 1 });
    await remove({ ...all, [`filter[${mandatory}][eq]`]: `not ${text}` }).expect(200, { count: 0 });
    expect(await remaining([a, b, c, d])).toEqual([a, d]);
  });

  it('answers 200 with count 0 when nothing matches', async () => {
    const ids = await create(1);
    const none = { 'filter[id][in]': ids, [`filter[${nullable}][null]`]: true };
    for (const query of [none, { ...none, maxAffected: 0 }]) await remove(query).expect(200, { count: 0 });
    expect(await remaining(ids)).toEqual(ids);
  });

  it.each([{}, { dryRun: true }, { maxAffected: 1000 }])('refuses %j, which would be all: 400', async (query) => {
    const ids = await create(2);
    expectProblem(await remove(query), 400, 'confirm_required', [{ pointer: '/confirm' }]);
    expect(await remaining(ids)).toEqual(ids);
  });

  it.each([
    ['confirm', { confirm: 'yes' }],
    ['confirm', { confirm: 'true' }],
    ['dryrun', { dryrun: true }],
    ['dryRun', { dryRun: 'yes' }],
    ['maxAffected', { maxAffected: -1 }],
    ['maxAffected', { maxAffected: 1.5 }],
    ['maxAffected', { maxAffected: '' }],
    ['limit', { limit: 1 }],
    ['sort', { sort: 'id' }],
    ['deleted', { deleted: 'only' }],
    ['purge', { purge: true }],
    ['filter[id]', { 'filter[id]': 'x' }],
    ['filter[id][eq]', { 'filter[id][eq]': 'x' }],
    ['filter[evil][eq]', { 'filter[evil][eq]': 'x' }],
  ])('refuses the parameter %s of %j: 400, and nothing is gone', async (name, query) => {
    const ids = await create(2);
    expectProblem(await remove({ ...having(ids), ...query }), 400, undefined, [{ pointer: `/${name}` }]);
    expect(await remaining(ids)).toEqual(ids);
  });

  it('deletes as many as maxAffected allows, and when it is one more, none: 422', async () => {
    const ids = await create(3);
    for (const dryRun of [true, false]) {
      const response = await remove({ ...having(ids), maxAffected: 2, dryRun });
      expectProblem(response, 422, 'too_many', [{ pointer: '/maxAffected', detail: expect.stringMatching(/^3 .* 2/) }]);
      expect(await remaining(ids)).toEqual(ids);
    }
    await remove({ ...having(ids), maxAffected: 3 }).expect(200, { count: 3 });
    expect(await remaining(ids)).toEqual([]);
  });

  it('deletes nothing with dryRun=true, and answers the same', async () => {
    const ids = await create(3);
    const dry = await remove({ ...having(ids), dryRun: true }).expect(200);
    expect(await remaining(ids)).toEqual(ids);
    const real = await remove(having(ids)).expect(200);
    expect([dry.body, real.body]).toEqual([{ count: 3 }, { count: 3 }]);
    expect(await remaining(ids)).toEqual([]);
  });

  it('deletes all with confirm=all', async () => {
    await api.http.delete(`${reviews.path}?confirm=all`).expect(200); // they would hold their books
    await create(2);
    const { total } = (await api.http.get(path).query({ count: 'exact' })).body;
    await remove({ confirm: 'all', maxAffected: total - 1 }).expect(422);
    await remove({ confirm: 'all', maxAffected: total, dryRun: true }).expect(200, { count: total });
    expect((await api.http.get(path).query({ count: 'exact' })).body.total).toBe(total);
    await remove({ confirm: 'all', maxAffected: total }).expect(200, { count: total });
    expect((await api.http.get(path)).body.items).toEqual([]);
  });

  if (model === books) {
    it('answers 409 when one of them is still referenced, and nothing is gone', async () => {
      const ids = await create(3);
      const { id: criticId } = (await api.http.post(critics.path).send({ username: ids[0] }).expect(201)).body;
      const review = aReview({ criticId, bookId: ids[1] });
      const { id } = (await api.http.post(reviews.path).send(review).expect(201)).body;
      for (const dryRun of [true, false]) {
        expectProblem(await remove({ ...having(ids), dryRun }), 409, 'still_referenced');
        expect(await remaining(ids)).toEqual(ids);
      }
      await api.http.delete(`${reviews.path}/${id}`).expect(204);
      await remove(having(ids)).expect(200, { count: 3 });
    });
  }

  if (isSoftDelete) {
    it('leaves alone, and does not count, what is deleted already', async () => {
      const [first, second] = await create(2);
      await api.http.delete(`${path}/${first}`).expect(204);
      const hidden = async () =>
        (await api.http.get(path).query({ deleted: 'only', 'filter[id][eq]': first })).body.items;
      const before = await hidden();
      await remove(having([first, second])).expect(200, { count: 1 });
      expect(await hidden()).toEqual(before);
    });
  }

  describe('meanwhile', () => {
    it('leaves and does not count a record that is changed so that it matches no more', () =>
      withRival(api, async (rival) => {
        const ids = await create(3);
        await rival.run(clear, [ids[1]]);
        const answer = begin(remove(having(ids)));
        await rival.blocks(1);
        await rival.commit();
        expect((await answer).body).toEqual({ count: 2 });
        expect(await remaining(ids)).toEqual([ids[1]]);
      }));

    it('deletes a record that is changed and matches still', () =>
      withRival(api, async (rival) => {
        const ids = await create(3);
        await rival.run(clear, [ids[1]]);
        const answer = begin(remove({ 'filter[id][in]': ids }));
        await rival.blocks(1);
        await rival.commit();
        expect((await answer).body).toEqual({ count: 3 });
        expect(await remaining(ids)).toEqual([]);
      }));

    it('does not count a record that another deletes', () =>
      withRival(api, async (rival) => {
        const ids = await create(3);
        await rival.run(drop, [ids[1]]);
        const answer = begin(remove({ ...having(ids), maxAffected: 2 }));
        await rival.blocks(1);
        await rival.commit();
        expect((await answer).body).toEqual({ count: 2 });
      }));

    it('leaves and does not count a record that is created after it began', () =>
      withRival(api, async (rival) => {
        const ids = await create(2);
        const { createdAt } = (await api.http.get(`${path}/${ids[0]}`)).body;
        await rival.run(lock, [ids[0]]);
        const answer = begin(remove({ 'filter[createdAt][gte]': createdAt }));
        await rival.blocks(1);
        const late = await create(1);
        await rival.commit();
        expect((await answer).body).toEqual({ count: 2 });
        expect(await remaining([...ids, ...late])).toEqual(late);
      }));

    it('counts each record once for all who delete it at once', async () => {
      const ids = await create(50);
      const answers = await Promise.all([1, 2, 3, 4].map(() => remove(having(ids))));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      expect(answers.reduce((sum, { body }) => sum + body.count, 0)).toBe(50);
    });

    it('goes together with changes and deletions in any order', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const ids = await create(100);
        const changes = ids.map((id) => ({ id, [nullable]: null }));
        const [removed, ...others]: Response[] = await Promise.all([
          remove({ 'filter[id][in]': ids }),
          api.http.patch(`${path}/bulk`).send(changes.toReversed()),
          api.http.post(`${path}/bulk/delete?mode=partial`).send({ ids: ids.toReversed() }),
        ]);
        expect(removed.status).toBe(200);
        for (const { status } of others) expect([200, 207, 404]).toContain(status);
        expect(removed.body.count + others[1].body.count).toBe(100);
      }
    });
  });
});
