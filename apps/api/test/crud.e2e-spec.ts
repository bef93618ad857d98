import { currentUnit } from '@app/database';
import { startApi, TestApi } from '@app/testing';
import { Maker, Model, MODELS, Values } from './models';
import { expectProblem } from './problems';

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';

describe.each(MODELS)('$path', (model: Model) => {
  const { path, naturalKey, mandatory, beyondKey, nullable, change, wrong } = model;
  let api: TestApi;
  let make: Maker;

  beforeAll(async () => {
    api = await startApi();
    make = await model.prepare(api);
  });
  afterAll(() => api.close());

  const create = async (values: Values = make()): Promise<Values> =>
    (await api.http.post(path).send(values).expect(201)).body;
  const read = async (id: string): Promise<Values> => (await api.http.get(`${path}/${id}`).expect(200)).body;
  const count = (): Promise<number> =>
    api.inTenant(async () => {
      const [{ n }] = await currentUnit().manager.query(`SELECT count(*)::int AS n FROM ${model.table}`);
      return n;
    });
  const keyOf = (values: Values): Values => Object.fromEntries(naturalKey.map((field) => [field, values[field]]));
  const without = (values: Values, ...fields: string[]): Values =>
    Object.fromEntries(Object.entries(values).filter(([field]) => !fields.includes(field)));

  const expectUnchanged = async (before: Values) => expect(await read(before.id)).toEqual(before);
  const expectMoved = (after: Values, before: Values) => {
    expect(after).toMatchObject({ id: before.id, createdAt: before.createdAt, version: before.version + 1 });
    expect(Date.parse(after.updatedAt)).toBeGreaterThan(Date.parse(before.updatedAt));
  };

  /** What every route that takes one record refuses, and how. `send` sends a body that is wrong in one way. */
  const refusesBadBodies = (send: (body: unknown) => Promise<any>, body: () => Promise<Values>) => {
    it('refuses an unknown field, naming it', async () => {
      const response = await send({ ...(await body()), evil: 1 });
      expectProblem(response, 422, 'unknown_field', [{ pointer: '/evil' }]);
    });

    it.each(['constructor', 'toString', 'hasOwnProperty', 'then'])(
      'refuses the unknown field %s like any other',
      async (field) => {
        const response = await send({ ...(await body()), [field]: 1 });
        expectProblem(response, 422, 'unknown_field', [{ pointer: `/${field}` }]);
      },
    );

    it.each(['id', 'version', 'createdAt', 'updatedAt'])("refuses %s, which is the system's to set", async (field) => {
      const response = await send({ ...(await body()), [field]: UNKNOWN_ID });
      expectProblem(response, 422, 'unknown_field', [{ pointer: `/${field}` }]);
    });

    it(`refuses the wrong type of ${wrong.field}, pointing at it`, async () => {
      const response = await send({ ...(await body()), [wrong.field]: wrong.value });
      expect(response.body.errors).toContainEqual(
        expect.objectContaining({ pointer: `/${wrong.field}`, code: wrong.code }),
      );
      expectProblem(response, 422);
    });

    it('names everything that is wrong at once', async () => {
      const response = await send({ ...(await body()), [wrong.field]: wrong.value, evil: 1 });
      expectProblem(response, 422, 'invalid');
      const pointers = response.body.errors.map(({ pointer }: Values) => pointer);
      expect(pointers).toEqual(expect.arrayContaining(['/evil', `/${wrong.field}`]));
    });

    it.each([
      ['a list', []],
      ['text', '"text"'],
      ['null', 'null'],
      ['a number', '7'],
    ])('refuses %s where an object is expected', async (_what, wrongBody) =>
      expectProblem(await send(wrongBody), 422, 'type', [{ pointer: '' }]),
    );

    it.each([
      ['NUL', 'a\0b'],
      ['half a surrogate pair', '\ud83d'],
    ])('refuses text with %s', async (_what, text) => {
      const response = await send({ ...(await body()), [mandatory]: text });
      expectProblem(response, 422, 'text', [{ pointer: `/${mandatory}` }]);
    });
  };

  describe('POST', () => {
    it('creates a record and answers it whole, with its Location', async () => {
      const values = make();
      const { body, headers } = await api.http.post(path).send(values).expect(201);
      expect(Object.keys(body).sort()).toEqual([...model.fields].sort());
      expect(body).toMatchObject({ ...values, version: 1, updatedAt: body.createdAt });
      expect(body.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(body.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(Math.abs(Date.parse(body.createdAt) - Date.now())).toBeLessThan(60_000);
      expect(headers.location).toBe(`${path}/${body.id}`);
      expect((await api.http.get(headers.location).expect(200)).body).toEqual(body);
    });

    it('keeps text as it is, emoji and all', async () => {
      const text = ' é—\u{1f9d9}‍♀️\n\t"\\/ <b>\u202e ';
      const body = await create({ ...make(), [mandatory]: text });
      expect(body[mandatory]).toBe(text);
      expect((await read(body.id))[mandatory]).toBe(text);
    });

    it(`answers null for ${nullable} when it is omitted`, async () => {
      const body = await create(without(make(), nullable));
      expect(body[nullable]).toBeNull();
    });

    it('answers 409 naming the field when the natural key is taken, and writes nothing', async () => {
      const before = await create();
      const rows = await count();
      const response = await api.http.post(path).send({ ...make(), ...keyOf(before) });
      expectProblem(response, 409, 'unique', [{ pointer: `/${naturalKey[0]}` }]);
      expect(response.body.detail).toBe(`Another record has this ${naturalKey.join(' and ')}.`);
      expect(await count()).toBe(rows);
      await expectUnchanged(before);
    });

    it('creates one record of two that race for a key, and answers the other 409', async () => {
      const values = make();
      const responses = await Promise.all([1, 2, 3, 4].map(() => api.http.post(path).send(values)));
      expect(responses.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
    });

    it.each([mandatory, ...naturalKey])('requires %s', async (field) => {
      const omitted = await api.http.post(path).send(without(make(), field));
      expectProblem(omitted, 422, 'required', [{ pointer: `/${field}` }]);
    });

    refusesBadBodies(
      (body) =>
        api.http
          .post(path)
          .type('json')
          .send(body as object),
      async () => make(),
    );
  });

  describe('GET /:id', () => {
    it('reads a record in exactly its read shape', async () => {
      const created = await create();
      const { body } = await api.http.get(`${path}/${created.id}`).expect(200);
      expect(body).toEqual(created);
      expect(Object.keys(body).sort()).toEqual([...model.fields].sort());
    });

    it('takes the id in capital letters too', async () => {
      const created = await create();
      expect(await read(created.id.toUpperCase())).toEqual(created);
    });
  });

  describe('PATCH /:id', () => {
    it('changes what is sent, leaves the rest alone, and moves version and updatedAt', async () => {
      const before = await create();
      const { body } = await api.http.patch(`${path}/${before.id}`).send(change).expect(200);
      expect(body).toEqual({ ...before, ...change, version: 2, updatedAt: body.updatedAt });
      expectMoved(body, before);
      expect(await read(before.id)).toEqual(body);
    });

    it(`clears ${nullable} with null`, async () => {
      const before = await create();
      expect(before[nullable]).not.toBeNull();
      const { body } = await api.http
        .patch(`${path}/${before.id}`)
        .send({ [nullable]: null })
        .expect(200);
      expect(body).toEqual({ ...before, [nullable]: null, version: 2, updatedAt: body.updatedAt });
    });

    it(`refuses null for ${mandatory}`, async () => {
      const before = await create();
      const response = await api.http.patch(`${path}/${before.id}`).send({ [mandatory]: null });
      expectProblem(response, 422, 'required', [{ pointer: `/${mandatory}` }]);
      await expectUnchanged(before);
    });

    it('keeps version and updatedAt when nothing changes', async () => {
      const before = await create();
      const same = without(before, ...model.readOnly);
      for (const values of [same, {}]) {
        const { body } = await api.http.patch(`${path}/${before.id}`).send(values).expect(200);
        expect(body).toEqual(before);
      }
      await expectUnchanged(before);
    });

    it('keeps its own natural key', async () => {
      const before = await create();
      const { body } = await api.http
        .patch(`${path}/${before.id}`)
        .send({ ...change, ...keyOf(before) })
        .expect(200);
      expectMoved(body, before);
    });

    it('answers 409 naming the field when the new natural key is taken', async () => {
      const [before, other] = [await create(), await create()];
      const response = await api.http.patch(`${path}/${before.id}`).send({ ...change, ...keyOf(other) });
      expectProblem(response, 409, 'unique', [{ pointer: `/${naturalKey[0]}` }]);
      await expectUnchanged(before);
    });

    let id: string;
    refusesBadBodies(
      async (body) => {
        ({ id } = await create());
        return api.http
          .patch(`${path}/${id}`)
          .type('json')
          .send(body as object);
      },
      async () => change,
    );
  });

  describe('PUT', () => {
    it('creates what is new: 201 with its Location', async () => {
      const values = make();
      const { body, headers } = await api.http.put(path).send(values).expect(201);
      expect(Object.keys(body).sort()).toEqual([...model.fields].sort());
      expect(body).toMatchObject({ ...values, version: 1 });
      expect(headers.location).toBe(`${path}/${body.id}`);
      expect(await read(body.id)).toEqual(body);
    });

    it('changes what is there: 200 without Location, version and updatedAt moved', async () => {
      const before = await create();
      const { body, headers } = await api.http
        .put(path)
        .send({ ...make(), ...keyOf(before), ...change })
        .expect(200);
      expect(body).toMatchObject(change);
      expectMoved(body, before);
      expect(headers.location).toBeUndefined();
      expect(await read(before.id)).toEqual(body);
    });

    it(`leaves ${nullable} alone when it is omitted`, async () => {
      const before = await create();
      const { body } = await api.http
        .put(path)
        .send({ ...without(before, ...model.readOnly, nullable), ...change })
        .expect(200);
      expect(body[nullable]).toEqual(before[nullable]);
      expectMoved(body, before);
    });

    it(`clears ${nullable} with null`, async () => {
      const before = await create();
      const { body } = await api.http
        .put(path)
        .send({ ...keyOf(before), [nullable]: null })
        .expect(200);
      expect(body).toEqual({ ...before, [nullable]: null, version: 2, updatedAt: body.updatedAt });
    });

    it('keeps version and updatedAt when nothing changes', async () => {
      const values = make();
      const before = await create(values);
      for (const same of [values, keyOf(values)]) {
        const { body } = await api.http.put(path).send(same).expect(200);
        expect(body).toEqual(before);
      }
      await expectUnchanged(before);
    });

    it('creates once when several race for a new key, and changes that record otherwise', async () => {
      const values = make();
      const responses = await Promise.all([1, 2, 3, 4].map(() => api.http.put(path).send(values)));
      expect(responses.map(({ status }) => status).sort()).toEqual([200, 200, 200, 201]);
      expect(new Set(responses.map(({ body }) => body.id)).size).toBe(1);
    });

    it.each(naturalKey)('requires %s of the natural key', async (field) => {
      const omitted = await api.http.put(path).send(without(make(), field));
      expectProblem(omitted, 422, 'required', [{ pointer: `/${field}` }]);
      const cleared = await api.http.put(path).send({ ...make(), [field]: null });
      expectProblem(cleared, 422);
      expect(cleared.body.errors[0].pointer).toBe(`/${field}`);
    });

    if (beyondKey) {
      it(`changes an existing record without ${beyondKey}`, async () => {
        const before = await create();
        const { body } = await api.http
          .put(path)
          .send({ ...keyOf(before), [mandatory]: 'Changed' })
          .expect(200);
        expect(body).toEqual({ ...before, [mandatory]: 'Changed', version: 2, updatedAt: body.updatedAt });
      });

      it(`cannot create a record without ${beyondKey}: 422, and writes nothing`, async () => {
        const rows = await count();
        const response = await api.http.put(path).send(without(make(), beyondKey));
        expectProblem(response, 422, 'required', [{ pointer: `/${beyondKey}` }]);
        expect(await count()).toBe(rows);
      });

      it.each(['existing', 'absent'])(`refuses null for ${beyondKey} of an %s record`, async (which) => {
        const values = which === 'existing' ? keyOf(await create()) : make();
        const response = await api.http.put(path).send({ ...values, [beyondKey]: null });
        expectProblem(response, 422, 'required', [{ pointer: `/${beyondKey}` }]);
      });
    }

    refusesBadBodies(
      (body) =>
        api.http
          .put(path)
          .type('json')
          .send(body as object),
      async () => make(),
    );
  });

  describe('DELETE /:id', () => {
    it('deletes the record and says nothing more', async () => {
      const { id } = await create();
      const { text, headers } = await api.http.delete(`${path}/${id}`).expect(204);
      expect(text).toBe('');
      expect(headers['content-type']).toBeUndefined();
      expectProblem(await api.http.get(`${path}/${id}`), 404, 'not_found');
      expectProblem(await api.http.delete(`${path}/${id}`), 404, 'not_found');
    });

    it('frees the natural key', async () => {
      const values = make();
      const { id } = await create(values);
      await api.http.delete(`${path}/${id}`).expect(204);
      expect((await create(values)).id).not.toBe(id);
    });
  });

  describe.each(['get', 'patch', 'delete'] as const)('%s of an id', (method) => {
    const request = (id: string) =>
      method === 'patch' ? api.http.patch(`${path}/${id}`).send({}) : api.http[method](`${path}/${id}`);

    it('answers 404 when no record has it', async () => {
      const response = await request(UNKNOWN_ID);
      expectProblem(response, 404, 'not_found');
      expect(response.body.detail).toBe(`${model.name} does not exist.`);
    });

    it.each([
      '1',
      '99999999999999999999',
      'not-an-id',
      `${UNKNOWN_ID}0`,
      '%20',
      "'%3B--",
      '%F0%9F%98%80',
      'x'.repeat(499),
    ])('answers 400 when it is %s', async (id) => expectProblem(await request(id), 400, 'malformed_id'));
  });

  describe('GET', () => {
    const TOTAL = 25;
    let ids: string[];

    beforeAll(async () => {
      await api.http.delete(path).query({ confirm: 'all' }).expect(200);
      const bulk = await api.http
        .post(`${path}/bulk`)
        .send(Array.from({ length: TOTAL - 5 }, () => make()))
        .expect(201);
      ids = bulk.body.ids; // of one instant: only their ids tell them apart
      for (let n = 0; n < 5; n++) ids.push((await create()).id);
    });

    const page = async (query: Values = {}): Promise<Values> =>
      (await api.http.get(path).query(query).expect(200)).body;
    const idsOf = ({ items }: Values): string[] => items.map(({ id }: Values) => id);

    it('reads records in the order of their creation, in exactly their read shape', async () => {
      const body = await page();
      expect(Object.keys(body).sort()).toEqual(['items', 'nextCursor']);
      expect(idsOf(body)).toEqual(ids);
      expect(body.nextCursor).toBeNull();
      expect(body.items[3]).toEqual(await read(ids[3]));
      for (const item of body.items) expect(Object.keys(item).sort()).toEqual([...model.fields].sort());
    });

    it('reads at most `limit` records, 50 unless told', async () => {
      expect(idsOf(await page({ limit: 7 }))).toEqual(ids.slice(0, 7));
      expect(idsOf(await page({ limit: 200 }))).toEqual(ids);
      const more = await api.http
        .post(`${path}/bulk`)
        .send(Array.from({ length: 30 }, () => make()))
        .expect(201);
      const body = await page();
      expect(body.items).toHaveLength(50);
      expect(body.nextCursor).toEqual(expect.any(String));
      await api.http.post(`${path}/bulk/delete`).send({ ids: more.body.ids }).expect(200);
    });

    it('passes over `offset` records', async () => {
      expect(idsOf(await page({ offset: 20 }))).toEqual(ids.slice(20));
      expect(idsOf(await page({ offset: 3, limit: 2 }))).toEqual(ids.slice(3, 5));
      expect(await page({ offset: 10_000 })).toEqual({ items: [], nextCursor: null });
    });

    it.each([1, 4, 5, 25])('walks all pages of %i by cursor, each record exactly once and in order', async (limit) => {
      const seen: string[][] = [];
      for (let cursor: string | null | undefined = undefined; cursor !== null;) {
        const body: Values = await page({ limit, ...(cursor && { cursor }) });
        seen.push(idsOf(body));
        cursor = body.nextCursor;
        expect(seen.length).toBeLessThanOrEqual(TOTAL / limit + 1);
      }
      expect(seen.flat()).toEqual(ids);
      expect(seen.slice(0, -1).every(({ length }) => length === limit)).toBe(true);
      expect(seen.at(-1)).not.toHaveLength(0);
    });

    it('lets the limit change from page to page, and goes on after an offset', async () => {
      const first = await page({ offset: 2, limit: 3 });
      expect(idsOf(await page({ cursor: first.nextCursor, limit: 4 }))).toEqual(ids.slice(5, 9));
    });

    it('goes on where it was when records before the cursor are gone', async () => {
      const extra = [await create(), await create(), await create()];
      const first = await page({ offset: TOTAL - 1, limit: 3 });
      expect(idsOf(first)).toEqual([ids.at(-1), extra[0].id, extra[1].id]);
      for (const { id } of extra.slice(0, 2)) await api.http.delete(`${path}/${id}`).expect(204);
      expect(idsOf(await page({ cursor: first.nextCursor }))).toEqual([extra[2].id]);
      await api.http.delete(`${path}/${extra[2].id}`).expect(204);
    });

    it.each([
      { limit: '0' },
      { limit: '201' },
      { limit: '-1' },
      { limit: '1.5' },
      { limit: 'NaN' },
      { limit: '' },
      { limit: '99999999999999999999' },
      { offset: '-1' },
      { offset: '10001' },
      { offset: 'x' },
    ])('answers 400 for %j', async (query) => {
      const response = await api.http.get(path).query(query);
      expectProblem(response, 400);
      expect(response.body.errors[0].pointer).toBe(`/${Object.keys(query)[0]}`);
    });

    it('answers 400 when a parameter is given twice', async () => {
      expectProblem(await api.http.get(`${path}?limit=1&limit=2`), 400);
    });

    it.each(['filter', 'Limit', 'constructor', '__proto__'])(
      'answers 400 for the unknown parameter %s',
      async (name) => {
        const response = await api.http.get(`${path}?${name}=1`);
        expectProblem(response, 400, 'unknown_field', [{ pointer: `/${name}` }]);
      },
    );

    const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    it.each([
      '',
      'x',
      '%%%',
      'null',
      cursorOf(null),
      cursorOf([]),
      cursorOf({}),
      cursorOf(['2026-01-01T00:00:00.000Z']),
      cursorOf(['2026-01-01T00:00:00.000Z', '1']),
      cursorOf(['yesterday', UNKNOWN_ID]),
      cursorOf(['2026-W01-1', UNKNOWN_ID]),
      cursorOf(['2026-02-31T00:00:00Z', UNKNOWN_ID]),
      cursorOf([1, UNKNOWN_ID]),
      'x'.repeat(1_001),
    ])('answers 400 for the malformed cursor %s', async (cursor) => {
      const response = await api.http.get(path).query({ cursor });
      expectProblem(response, 400);
      expect(response.body.errors[0].pointer).toBe('/cursor');
    });

    it.each([0, 5])('answers 400 for a cursor with offset=%i', async (offset) => {
      const { nextCursor } = await page({ limit: 1 });
      const response = await api.http.get(path).query({ cursor: nextCursor, offset });
      expectProblem(response, 400, 'conflict', [{ pointer: '/offset' }]);
    });
  });
});
