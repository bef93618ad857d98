import { randomUUID } from 'node:crypto';
import { currentUnit } from '@app/database';
import { startApi, TestApi } from '@app/testing';
import { Maker, Model, MODELS, Values } from './models';
import { expectProblem } from './problems';

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';

describe.each(MODELS)('$path/bulk', (model: Model) => {
  const { naturalKey, mandatory, beyondKey, nullable, change, wrong } = model;
  const path = `${model.path}/bulk`;
  let api: TestApi;
  let make: Maker;

  beforeAll(async () => {
    api = await startApi();
    make = await model.prepare(api);
  });
  afterAll(() => api.close());

  const makeMany = (n: number): Values[] => Array.from({ length: n }, () => make());
  const keyOf = (values: Values): Values => Object.fromEntries(naturalKey.map((field) => [field, values[field]]));
  const without = (values: Values, ...fields: string[]): Values =>
    Object.fromEntries(Object.entries(values).filter(([field]) => !fields.includes(field)));
  const readMany = async (ids: string[]): Promise<Values[]> =>
    (await api.http.post(`${path}/read`).send({ ids }).expect(200)).body.items;
  const createMany = async (items: Values[]): Promise<Values[]> => {
    const { body } = await api.http.post(path).send(items).expect(201);
    return readMany(body.ids);
  };
  const count = (): Promise<number> =>
    api.inTenant(async () => {
      const [{ n }] = await currentUnit().manager.query(`SELECT count(*)::int AS n FROM ${model.table}`);
      return n;
    });
  const expectUnchanged = async (before: Values[]) =>
    expect(await readMany(before.map(({ id }) => id))).toEqual(before);
  const expectMoved = (after: Values, before: Values) => {
    expect(after).toMatchObject({ id: before.id, createdAt: before.createdAt, version: before.version + 1 });
    expect(Date.parse(after.updatedAt)).toBeGreaterThan(Date.parse(before.updatedAt));
  };
  const unique = (index: number) => ({ index, pointer: `/${index}/${naturalKey[0]}`, code: 'unique' });
  const idsOf = (rows: Values[]): string[] => rows.map(({ id }) => id);
  const indexesOf = ({ body }: Values): number[] => [...new Set<number>(body.errors.map(({ index }: Values) => index))];

  /** What is the same for every verb that takes a list. `good` are items it would write, `bad` is one it would not. */
  const keepsThePromisesOfBulk = (
    method: 'post' | 'put' | 'patch',
    status: 200 | 201,
    good: (n: number) => Promise<Values[]>,
    bad: () => Promise<Values>,
  ) => {
    const send = (items: unknown, query = '') =>
      api.http[method](path + query)
        .type('json')
        .send(items as object);

    it('answers an empty list with count 0', async () => {
      for (const query of ['', '?dryRun=true']) {
        const { body } = await send([], query).expect(status);
        expect(body).toMatchObject({ count: 0, ids: [] });
      }
      expect((await send([], '?mode=partial').expect(207)).body).toEqual({ count: 0, ids: [], results: [] });
    });

    it.each([
      ['an object', {}],
      ['text', '"text"'],
      ['null', 'null'],
    ])('refuses %s where a list is expected', async (_what, body) =>
      expectProblem(await send(body), 422, 'type', [{ pointer: '' }]),
    );

    it('points at each item that is not an object', async () => {
      const response = await send([...(await good(1)), null, [], 'text', 7]);
      expectProblem(
        response,
        422,
        'type',
        [1, 2, 3, 4].map((index) => ({ index, pointer: `/${index}` })),
      );
    });

    it('points at unknown fields and wrong types within items', async () => {
      const [first, second, third] = await good(3);
      const response = await send([{ ...first, evil: 1 }, second, { ...third, [wrong.field]: wrong.value }]);
      expectProblem(response, 422, 'invalid');
      expect(response.body.errors).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ index: 0, pointer: '/0/evil', code: 'unknown_field' }),
          expect.objectContaining({ index: 2, pointer: `/2/${wrong.field}`, code: wrong.code }),
        ]),
      );
      expect(response.body.errors.some(({ index }: Values) => index === 1)).toBe(false);
    });

    it.each(['?mode=some', '?dryRun=yes', '?dryRun=', '?dryrun=true', '?mode=atomic&mode=partial'])(
      'answers 400 for %s, and writes nothing',
      async (query) => {
        const items = await good(2);
        const rows = await count();
        expectProblem(await send(items, query), 400);
        expect(await count()).toBe(rows);
      },
    );

    it('is atomic: 3 bad of 1,000 are named, and nothing is written', async () => {
      const items = await good(997);
      for (const index of [3, 500, 999]) items.splice(index, 0, await bad());
      const before = items.some(({ id }) => id) ? await readMany(items.flatMap(({ id }) => id ?? [])) : [];
      const rows = await count();
      const response = await send(items);
      expect([404, 409, 422]).toContain(response.status);
      expectProblem(response, response.status);
      expect(indexesOf(response)).toEqual([3, 500, 999]);
      expect(await count()).toBe(rows);
      await expectUnchanged(before);
    });

    it('mode=partial writes what it can: 207 with one result per item, in input order', async () => {
      const items = await good(997);
      for (const index of [3, 500, 999]) items.splice(index, 0, await bad());
      const { body } = await send(items, '?mode=partial').expect(207);
      expect(body.count).toBe(997);
      expect(body.results.map(({ index }: Values) => index)).toEqual(items.map((_item, index) => index));
      const refused = body.results.filter(({ status }: Values) => status >= 400);
      expect(refused.map(({ index }: Values) => index)).toEqual([3, 500, 999]);
      for (const { id, created, problem } of refused) {
        expect(id).toBeUndefined();
        expect(created).toBeUndefined();
        expect(problem).toEqual({ code: expect.any(String), detail: expect.any(String), errors: expect.any(Array) });
        expect(problem.errors).not.toHaveLength(0);
      }
      expect(body.ids.flatMap((id: string | null, index: number) => (id === null ? [index] : []))).toEqual([
        3, 500, 999,
      ]);
      expect(body.results.map(({ id }: Values) => id ?? null)).toEqual(body.ids);
      const stored = new Map((await readMany(body.ids.filter(Boolean))).map((row) => [row.id, row]));
      body.ids.forEach((id: string | null, index: number) => {
        if (id) expect(stored.get(id)).toMatchObject(without(items[index], 'version'));
      });
    });

    it('writes nothing with dryRun=true, and answers the same', async () => {
      const items = await good(3);
      const before = items.some(({ id }) => id) ? await readMany(idsOf(items)) : [];
      const rows = await count();
      const dry = await send(items, '?dryRun=true').set('Prefer', 'return=representation').expect(status);
      expect(await count()).toBe(rows);
      await expectUnchanged(before);
      expect(dry.headers.location).toBeUndefined();

      const real = await send(items).set('Prefer', 'return=representation').expect(status);
      const shape = ({ count, results }: Values) => ({
        count,
        results: results.map((result: Values) => ({
          ...without(result, 'id'),
          item: without(result.item, 'id', 'createdAt', 'updatedAt'),
        })),
      });
      expect(shape(dry.body)).toEqual(shape(real.body));
    });

    it('finds with dryRun=true what it would find in earnest', async () => {
      const items = [await bad(), ...(await good(1))];
      for (const mode of ['atomic', 'partial']) {
        const dry = await send(items, `?dryRun=true&mode=${mode}`);
        const real = await send(items, `?mode=${mode}`);
        expect(dry.status).toBe(real.status);
        if (mode === 'atomic') expect(without(dry.body, 'requestId')).toEqual(without(real.body, 'requestId'));
        else expect(dry.body.results[0]).toEqual(real.body.results[0]);
      }
    });

    it('answers whole records with Prefer: return=representation, and only ids without', async () => {
      const items = await good(3);
      const { body, headers } = await send(items).set('Prefer', 'return=representation').expect(status);
      expect(headers['preference-applied']).toBe('return=representation');
      expect(body.results.map(({ item }: Values) => item)).toEqual(await readMany(body.ids));
      for (const { item } of body.results) expect(Object.keys(item).sort()).toEqual([...model.fields].sort());

      const minimal = await send(await good(1)).expect(status);
      expect(minimal.headers['preference-applied']).toBeUndefined();
      expect(minimal.body.results?.[0].item).toBeUndefined();
    });

    it('names both items when two have the same key, and writes nothing', async () => {
      const items = await good(4);
      const twin = { ...items[3], ...('id' in items[1] ? { id: items[1].id } : keyOf(items[1])) };
      const rows = await count();
      const response = await send([items[0], items[1], items[2], twin]);
      expectProblem(response, 422, 'duplicate', [
        { index: 1, detail: expect.stringContaining('Item 3 ') },
        { index: 3, detail: expect.stringContaining('Item 1 ') },
      ]);
      expect(await count()).toBe(rows);
    });

    it('mode=partial writes neither of two with the same key', async () => {
      const [first, second] = await good(2);
      const { body } = await send([first, second, first], '?mode=partial').expect(207);
      expect(body).toMatchObject({ count: 1, ids: [null, expect.any(String), null] });
      expect(body.results.map(({ status }: Values) => status)).toEqual([422, status, 422]);
    });

    it('collects what validation and what the database has against the items', async () => {
      const items = [await bad(), ...(await good(2))];
      items[2] = { ...items[2], evil: 1 };
      const rows = await count();
      const response = await send(items);
      expectProblem(response, 422, 'invalid');
      expect(indexesOf(response)).toEqual([0, 2]);
      expect(response.body.errors.at(-1)).toMatchObject({ pointer: '/2/evil', code: 'unknown_field' });
      expect(await count()).toBe(rows);
    });

    it('names the first 1,000 of more faults', async () => {
      const response = await send(Array.from({ length: 1_200 }, () => ({ evil: 1 })));
      expectProblem(response, 422);
      expect(response.body.errors).toHaveLength(1_000);
      expect(response.body.errors[0]).toMatchObject({ index: 0 });
    });
  };

  describe('POST', () => {
    const taken = async () => ({ ...make(), ...keyOf((await createMany([make()]))[0]) });
    keepsThePromisesOfBulk('post', 201, async (n) => makeMany(n), taken);

    it('creates all items and answers their ids in input order', async () => {
      const items = makeMany(50).sort(() => Math.random() - 0.5);
      const { body, headers } = await api.http.post(path).send(items).expect(201);
      expect(Object.keys(body).sort()).toEqual(['count', 'ids']);
      expect(body.count).toBe(50);
      expect(headers.location).toBeUndefined();
      const rows = await readMany(body.ids);
      expect(rows).toEqual(items.map((item) => expect.objectContaining({ ...item, version: 1 })));
      expect(new Set(rows.map(({ createdAt, updatedAt }) => `${createdAt} ${updatedAt}`)).size).toBe(1);
    });

    it('answers 409 when all that is wrong is that keys are taken, naming field and item', async () => {
      const items = [make(), await taken(), make(), await taken()];
      const rows = await count();
      const response = await api.http.post(path).send(items);
      expectProblem(response, 409, 'unique', [unique(1), unique(3)]);
      expect(await count()).toBe(rows);
    });

    it('mode=partial tells of each item what it alone would have been told', async () => {
      const items = [make(), await taken(), without(make(), mandatory)];
      const { body } = await api.http.post(`${path}?mode=partial`).send(items).expect(207);
      expect(body.results).toEqual([
        { index: 0, status: 201, id: expect.any(String) },
        { index: 1, status: 409, problem: expect.objectContaining({ code: 'unique' }) },
        { index: 2, status: 422, problem: expect.objectContaining({ code: 'required' }) },
      ]);
      expect(body.results[1].problem.errors).toEqual([expect.objectContaining({ pointer: `/${naturalKey[0]}` })]);
    });

    it('lets each item omit what it likes', async () => {
      const items = makeMany(2);
      const rows = await createMany([without(items[0], nullable), items[1]]);
      expect(rows[0][nullable]).toBeNull();
      expect(rows[1]).toMatchObject(items[1]);
    });
  });

  describe('PUT', () => {
    // Half of them are new and half are there, in turns.
    const mixed = async (n: number) => {
      const items = makeMany(n);
      await createMany(items.filter((_item, index) => index % 2));
      return items.map((item, index) => (index % 2 ? { ...item, ...without(change, ...naturalKey) } : item));
    };
    const lacking = async () => (beyondKey ? without(make(), beyondKey) : { ...make(), [naturalKey[0]]: null });
    keepsThePromisesOfBulk('put', 200, mixed, lacking);

    it('creates what is new, changes what is there, says which, and keeps the order', async () => {
      const items = await mixed(20);
      const { body } = await api.http.put(path).send(items).expect(200);
      expect(body.count).toBe(20);
      expect(body.results).toEqual(
        items.map((_item, index) => ({
          index,
          status: index % 2 ? 200 : 201,
          id: body.ids[index],
          created: index % 2 === 0,
        })),
      );
      expect(await readMany(body.ids)).toEqual(items.map((item) => expect.objectContaining(item)));
    });

    it('moves version and updatedAt of what it changes', async () => {
      const before = await createMany(makeMany(3));
      await api.http
        .put(path)
        .send(before.map((row) => ({ ...keyOf(row), ...change })))
        .expect(200);
      const after = await readMany(idsOf(before));
      after.forEach((row, index) => expectMoved(row, before[index]));
    });

    it('keeps version and updatedAt of what it does not change', async () => {
      const items = makeMany(3);
      const before = await createMany(items);
      const { body } = await api.http.put(path).send(items).set('Prefer', 'return=representation').expect(200);
      expect(body.results.map(({ item }: Values) => item)).toEqual(before);
      await expectUnchanged(before);
    });

    it('leaves what an item omits alone and clears what is null, in one batch', async () => {
      const before = await createMany(makeMany(4));
      await api.http
        .put(path)
        .send([
          { ...keyOf(before[0]), [nullable]: null },
          { ...keyOf(before[1]), ...change },
          keyOf(before[2]),
          { ...keyOf(before[3]), ...change, [nullable]: null },
        ])
        .expect(200);
      const after = await readMany(idsOf(before));
      const moved = (index: number) => ({ version: 2, updatedAt: after[index].updatedAt });
      expect(after).toEqual([
        { ...before[0], [nullable]: null, ...moved(0) },
        { ...before[1], ...change, ...moved(1) },
        before[2],
        { ...before[3], ...change, [nullable]: null, ...moved(3) },
      ]);
    });

    it('requires the natural key of each item', async () => {
      const [first, second] = makeMany(2);
      const response = await api.http.put(path).send([first, without(second, naturalKey[0])]);
      expectProblem(response, 422, 'required', [{ index: 1, pointer: `/1/${naturalKey[0]}` }]);
    });

    if (beyondKey) {
      it(`changes what is there without ${beyondKey}, and cannot create without it`, async () => {
        const [before] = await createMany([make()]);
        const fresh = without(make(), beyondKey);
        const atomic = await api.http.put(path).send([{ ...keyOf(before), [mandatory]: 'Changed' }, fresh]);
        expectProblem(atomic, 422, 'required', [{ index: 1, pointer: `/1/${beyondKey}` }]);
        await expectUnchanged([before]);

        const { body } = await api.http
          .put(`${path}?mode=partial`)
          .send([{ ...keyOf(before), [mandatory]: 'Changed' }, fresh])
          .expect(207);
        expect(body).toMatchObject({ count: 1, ids: [before.id, null] });
        expect((await readMany([before.id]))[0]).toMatchObject({ [mandatory]: 'Changed', version: 2 });
      });
    }
  });

  describe('PATCH', () => {
    const changes = async (n: number) =>
      (await createMany(makeMany(n))).map(({ id, version }) => ({ id, version, ...change }));
    keepsThePromisesOfBulk('patch', 200, changes, async () => ({ id: randomUUID(), ...change }));

    it('changes what is sent, leaves the rest alone, and moves version and updatedAt', async () => {
      const before = await createMany(makeMany(3));
      const { body } = await api.http
        .patch(path)
        .send([
          { id: before[2].id, ...change },
          { id: before[0].id.toUpperCase(), [nullable]: null },
          { id: before[1].id },
        ])
        .expect(200);
      expect(body).toEqual({ count: 3, ids: [before[2].id, before[0].id, before[1].id] });
      const after = await readMany(idsOf(before));
      expect(after).toEqual([
        { ...before[0], [nullable]: null, version: 2, updatedAt: after[0].updatedAt },
        before[1],
        { ...before[2], ...change, version: 2, updatedAt: after[2].updatedAt },
      ]);
      expectMoved(after[0], before[0]);
      expectMoved(after[2], before[2]);
    });

    it('keeps version and updatedAt where nothing changes', async () => {
      const items = makeMany(2);
      const before = await createMany(items);
      const { body } = await api.http
        .patch(path)
        .send(before.map(({ id }, index) => ({ id, ...items[index] })))
        .set('Prefer', 'return=representation')
        .expect(200);
      expect(body.results.map(({ item }: Values) => item)).toEqual(before);
      await expectUnchanged(before);
    });

    it('answers 404 for unknown ids, naming them, and changes nothing', async () => {
      const before = await createMany([make()]);
      const response = await api.http.patch(path).send([
        { id: before[0].id, ...change },
        { id: UNKNOWN_ID, ...change },
      ]);
      expectProblem(response, 404, 'not_found', [{ index: 1, pointer: '/1' }]);
      await expectUnchanged(before);
    });

    it('mode=partial answers 404 for each unknown id', async () => {
      const [{ id }] = await createMany([make()]);
      const { body } = await api.http
        .patch(`${path}?mode=partial`)
        .send([{ id: UNKNOWN_ID }, { id, ...change }])
        .expect(207);
      expect(body).toMatchObject({ count: 1, ids: [null, id] });
      expect(body.results).toMatchObject([
        { index: 0, status: 404, problem: { code: 'not_found' } },
        { index: 1, status: 200, id },
      ]);
    });

    it('answers 412 when a record no longer has the version it must have', async () => {
      const before = await createMany(makeMany(2));
      const items = [
        { id: before[0].id, version: 1, ...change },
        { id: before[1].id, version: 2, ...change },
      ];
      expectProblem(await api.http.patch(path).send(items), 412, 'version', [{ index: 1, pointer: '/1/version' }]);
      await expectUnchanged(before);

      const { body } = await api.http.patch(`${path}?mode=partial`).send(items).expect(207);
      expect(body.results.map(({ status }: Values) => status)).toEqual([200, 412]);
    });

    it('lets one of several changes for the same version win', async () => {
      const [{ id }] = await createMany([make()]);
      const responses = await Promise.all(
        [1, 2, 3, 4, 5].map((n) => api.http.patch(path).send([{ id, version: 1, [mandatory]: `Changed ${n} ${id}` }])),
      );
      expect(responses.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412]);
    });

    it('answers 422 when causes of different status meet', async () => {
      const before = await createMany([make()]);
      const response = await api.http.patch(path).send([{ id: before[0].id, version: 7 }, { id: UNKNOWN_ID }]);
      expectProblem(response, 422, 'invalid', [
        { index: 0, code: 'version' },
        { index: 1, code: 'not_found' },
      ]);
    });

    it('answers 409 naming the item whose new key is taken', async () => {
      const before = await createMany(makeMany(3));
      const response = await api.http.patch(path).send([
        { id: before[0].id, ...change },
        { id: before[1].id, ...keyOf(before[2]) },
      ]);
      expectProblem(response, 409, 'unique', [unique(1)]);
      await expectUnchanged(before);
    });

    it('refuses null where a value must be, and an item without its id', async () => {
      const before = await createMany([make()]);
      const response = await api.http
        .patch(path)
        .send([{ id: before[0].id, [mandatory]: null }, change, { ...change, id: 'x' }]);
      expectProblem(response, 422, 'invalid', [
        { index: 0, pointer: `/0/${mandatory}`, code: 'required' },
        { index: 1, pointer: '/1/id', code: 'required' },
        { index: 2, pointer: '/2/id', code: 'is_uuid' },
      ]);
      await expectUnchanged(before);
    });

    it.each([null, 0, 1.5, '1'])('refuses the version %j', async (version) => {
      const [before] = await createMany([make()]);
      const response = await api.http.patch(path).send([{ id: before.id, version, ...change }]);
      expectProblem(response, 422);
      expect(response.body.errors[0]).toMatchObject({ index: 0, pointer: '/0/version' });
    });
  });

  describe('POST /read', () => {
    it('reads the records in the order of the ids, each once, and names the missing', async () => {
      const rows = await createMany(makeMany(3));
      const ids = [rows[2].id, UNKNOWN_ID, rows[0].id, rows[2].id, rows[1].id.toUpperCase()];
      const { body } = await api.http.post(`${path}/read`).send({ ids }).expect(200);
      expect(body).toEqual({ items: [rows[2], rows[0], rows[1]], missing: [UNKNOWN_ID] });
    });

    it('answers an empty list with nothing', async () => {
      const { body } = await api.http.post(`${path}/read`).send({ ids: [] }).expect(200);
      expect(body).toEqual({ items: [], missing: [] });
    });
  });

  describe('POST /delete', () => {
    it('deletes the records and answers their ids in input order', async () => {
      const rows = await createMany(makeMany(4));
      const ids = [rows[2].id, rows[0].id.toUpperCase(), rows[3].id];
      const { body } = await api.http.post(`${path}/delete`).send({ ids }).expect(200);
      expect(body).toEqual({ count: 3, ids: [rows[2].id, rows[0].id, rows[3].id] });
      expect(await readMany(idsOf(rows))).toEqual([rows[1]]);
    });

    it('answers an empty list with count 0', async () => {
      const { body } = await api.http.post(`${path}/delete`).send({ ids: [] }).expect(200);
      expect(body).toEqual({ count: 0, ids: [] });
    });

    it('answers 404 for unknown ids, naming them, and deletes nothing', async () => {
      const rows = await createMany(makeMany(2));
      const response = await api.http.post(`${path}/delete`).send({ ids: [rows[0].id, UNKNOWN_ID, rows[1].id] });
      expectProblem(response, 404, 'not_found', [{ index: 1, pointer: '/ids/1' }]);
      await expectUnchanged(rows);
    });

    it('mode=partial deletes what is there: 207', async () => {
      const rows = await createMany(makeMany(2));
      const ids = [rows[0].id, UNKNOWN_ID, rows[1].id];
      const { body } = await api.http.post(`${path}/delete?mode=partial`).send({ ids }).expect(207);
      expect(body).toMatchObject({ count: 2, ids: [rows[0].id, null, rows[1].id] });
      expect(body.results.map(({ status }: Values) => status)).toEqual([200, 404, 200]);
      expect(await readMany(idsOf(rows))).toEqual([]);
    });

    it('deletes nothing with dryRun=true, and answers the same', async () => {
      const rows = await createMany(makeMany(2));
      const ids = idsOf(rows);
      const dry = await api.http.post(`${path}/delete?dryRun=true`).send({ ids }).expect(200);
      await expectUnchanged(rows);
      expect((await api.http.post(`${path}/delete`).send({ ids }).expect(200)).body).toEqual(dry.body);
    });

    it('names both places of an id that is given twice, and deletes nothing', async () => {
      const [row] = await createMany([make()]);
      const response = await api.http.post(`${path}/delete`).send({ ids: [row.id, row.id.toUpperCase()] });
      expectProblem(response, 422, 'duplicate', [
        { index: 0, pointer: '/ids/0', detail: expect.stringContaining('Item 1 ') },
        { index: 1, pointer: '/ids/1', detail: expect.stringContaining('Item 0 ') },
      ]);
      await expectUnchanged([row]);
    });
  });

  describe.each(['read', 'delete'])('POST /%s', (verb) => {
    it.each([
      ['no ids', {}, '/ids'],
      ['ids that are no list', { ids: UNKNOWN_ID }, '/ids'],
      ['an unknown field', { ids: [], all: true }, '/all'],
    ])('refuses %s', async (_what, body, pointer) => {
      const response = await api.http.post(`${path}/${verb}`).send(body);
      expectProblem(response, 422);
      expect(response.body.errors[0].pointer).toBe(pointer);
    });

    it('points at each id that is none', async () => {
      const response = await api.http.post(`${path}/${verb}`).send({ ids: [UNKNOWN_ID, '1', null, {}] });
      expectProblem(response, 422, 'is_uuid', [{ pointer: '/ids/1' }, { pointer: '/ids/2' }, { pointer: '/ids/3' }]);
    });
  });
});
