import type { Response } from 'supertest';
import { currentUnit } from '@app/database';
import { startApi, TestApi } from '@app/testing';
import { books, Maker, Model, MODELS, reviews, Values } from './models';
import { expectProblem } from './problems';

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';
const WRITERS = 20; // more than the pool has connections

let api: TestApi;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.close());

const etagOf = ({ id, version }: Values): string => `"${id}.${version}"`;
const statuses = (answers: Response[]): number[] => answers.map(({ status }) => status).sort();
/** What `send` is answered when all writers ask at once. */
const atOnce = (send: (writer: number) => PromiseLike<Response>): Promise<Response[]> =>
  Promise.all(Array.from({ length: WRITERS }, (_writer, n) => send(n)));

describe.each(MODELS)('$path', (model: Model) => {
  const { path, naturalKey, mandatory, nullable, change } = model;
  let make: Maker;
  beforeAll(async () => (make = await model.prepare(api)));

  const create = async (values: Values = make()): Promise<Values> =>
    (await api.http.post(path).send(values).expect(201)).body;
  const get = (id: string) => api.http.get(`${path}/${id}`);
  const keyOf = (values: Values): Values => Object.fromEntries(naturalKey.map((field) => [field, values[field]]));
  const changeOf = (values: Values): Values => ({ ...keyOf(values), ...change });
  const count = (): Promise<number> =>
    api.inTenant(async () => {
      const [{ n }] = await currentUnit().manager.query(`SELECT count(*)::int AS n FROM ${model.table}`);
      return n;
    });
  const expectUnchanged = async (before: Values) => expect((await get(before.id).expect(200)).body).toEqual(before);

  describe('the ETag', () => {
    it.each([
      ['POST', async () => api.http.post(path).send(make())],
      ['PUT of what is new', async () => api.http.put(path).send(make())],
      ['PUT of what is there', async () => api.http.put(path).send(changeOf(await create()))],
      ['PATCH', async () => api.http.patch(`${path}/${(await create()).id}`).send(change)],
      ['GET', async () => get((await create()).id)],
    ])('of the answer to %s is strong, and made of id and version', async (_name, send) => {
      const { body, headers } = await send();
      expect(headers.etag).toBe(etagOf(body));
      expect((await get(body.id)).headers.etag).toBe(headers.etag);
    });

    it('stands for a whole record: parts, lists and bulk answers have none', async () => {
      const { id } = await create();
      const include = model === reviews ? [get(id).query({ include: 'critic' })] : [];
      const answers = await Promise.all([
        get(id).query({ fields: mandatory }),
        ...include,
        api.http.get(path).query({ limit: 1 }),
        api.http.post(`${path}/bulk/read`).send({ ids: [id] }),
        api.http.post(`${path}/bulk`).send([make()]),
        api.http.put(`${path}/bulk`).send([make()]),
        api.http.patch(`${path}/bulk`).send([{ id, ...change }]),
      ]);
      for (const { ok, headers } of answers) expect([ok, headers.etag]).toEqual([true, undefined]);
    });

    const WRITES: [string, (row: Values, values: Values) => PromiseLike<Response>][] = [
      ['PATCH', ({ id }, values) => api.http.patch(`${path}/${id}`).send(values)],
      ['PUT', (row, values) => api.http.put(path).send({ ...keyOf(row), ...values })],
      ['PATCH in bulk', ({ id }, values) => api.http.patch(`${path}/bulk`).send([{ id, ...values }])],
      ['PUT in bulk', (row, values) => api.http.put(`${path}/bulk`).send([{ ...keyOf(row), ...values }])],
      [
        'PATCH in bulk, mode=partial',
        ({ id }, values) => api.http.patch(`${path}/bulk?mode=partial`).send([{ id, ...values }, { id: UNKNOWN_ID }]),
      ],
      [
        'PUT in bulk, mode=partial',
        (row, values) => api.http.put(`${path}/bulk?mode=partial`).send([{ ...keyOf(row), ...values }, {}]),
      ],
    ];

    it.each(WRITES)('moves with %s', async (_name, write) => {
      const before = await create();
      expect((await write(before, { [nullable]: null })).ok).toBe(true);
      const { body, headers } = await get(before.id).set('If-None-Match', etagOf(before)).expect(200);
      expect(body).toEqual({ ...before, [nullable]: null, version: 2, updatedAt: body.updatedAt });
      expect(headers.etag).toBe(etagOf(body));
      const late = await api.http.patch(`${path}/${before.id}`).set('If-Match', etagOf(before)).send(change);
      expectProblem(late, 412, 'version');
    });

    it.each(WRITES)('stays with %s when nothing changes', async (_name, write) => {
      const before = await create();
      expect((await write(before, { [nullable]: before[nullable] })).ok).toBe(true);
      await get(before.id).set('If-None-Match', etagOf(before)).expect(304);
    });
  });

  describe('GET with If-None-Match', () => {
    it.each([
      ['its ETag', (etag: string) => etag],
      ['its ETag, called weak', (etag: string) => `W/${etag}`],
      ['its ETag among others', (etag: string) => `"other" , W/"a,b",${etag}`],
      ['*', () => '*'],
    ])('answers 304 and nothing more when it names %s', async (_name, tags) => {
      const { id, version } = await create();
      const { text, headers } = await get(id)
        .set('If-None-Match', tags(etagOf({ id, version })))
        .expect(304);
      expect(text).toBe('');
      expect(headers.etag).toBe(etagOf({ id, version }));
      expect(headers['content-type']).toBeUndefined();
    });

    it('holds for HEAD too', async () => {
      const row = await create();
      const head = (tag: string) => api.http.head(`${path}/${row.id}`).set('If-None-Match', tag);
      expect((await head('"other"').expect(200)).headers.etag).toBe(etagOf(row));
      expect((await head(etagOf(row)).expect(304)).headers.etag).toBe(etagOf(row));
    });

    it.each([
      ['another version', ({ id }: Values) => etagOf({ id, version: 2 })],
      ['another record', () => etagOf({ id: UNKNOWN_ID, version: 1 })],
    ])('answers the record when it names %s', async (_name, tag) => {
      const row = await create();
      expect((await get(row.id).set('If-None-Match', tag(row)).expect(200)).body).toEqual(row);
    });

    it('answers 404 for what is not there, whatever the client has', async () => {
      expectProblem(await get(UNKNOWN_ID).set('If-None-Match', '*'), 404, 'not_found');
    });

    it.each(['', 'unquoted', '"a" "b"', '*, "a"', '"a'])('answers 400 for %j', async (tags) => {
      const response = await get((await create()).id).set('If-None-Match', tags);
      expectProblem(response, 400, 'malformed_header', [{ pointer: '/If-None-Match' }]);
    });
  });

  describe.each([
    ['PATCH', 200, (row: Values) => api.http.patch(`${path}/${row.id}`).send(change)],
    ['PUT', 200, (row: Values) => api.http.put(path).send(changeOf(row))],
    ['DELETE', 204, (row: Values) => api.http.delete(`${path}/${row.id}`)],
  ])('%s with If-Match', (method, status, send) => {
    it.each([
      ['its ETag', etagOf],
      ['its ETag among others', (row: Values) => `"other", ${etagOf(row)}`],
      ['*', () => '*'],
    ])('is done when it names %s', async (_name, tags) => {
      const row = await create();
      await send(row).set('If-Match', tags(row)).expect(status);
    });

    it.each([
      ['an older version', ({ id, version }: Values) => etagOf({ id, version: version - 1 })],
      ['the same version of another record', ({ version }: Values) => etagOf({ id: UNKNOWN_ID, version })],
      ['its ETag, called weak', (row: Values) => `W/${etagOf(row)}`],
    ])('is refused when it names %s: 412 with the ETag it has now', async (_name, tag) => {
      const { id } = await create();
      const row = (
        await api.http
          .patch(`${path}/${id}`)
          .send({ [nullable]: null })
          .expect(200)
      ).body;
      const response = await send(row).set('If-Match', tag(row));
      expectProblem(response, 412, 'version', [{ pointer: '/version' }]);
      expect(response.headers.etag).toBe(etagOf(row));
      await expectUnchanged(row);
    });

    it.each(['', 'unquoted', '"a" "b"', '1'])('is refused when it is %j: 400', async (tags) => {
      const row = await create();
      expectProblem(await send(row).set('If-Match', tags), 400, 'malformed_header', [{ pointer: '/If-Match' }]);
      await expectUnchanged(row);
    });

    if (method === 'PUT') {
      it.each(['*', etagOf({ id: UNKNOWN_ID, version: 1 })])(
        'never creates: 412 for %s where nothing is, and no ETag',
        async (tags) => {
          const rows = await count();
          const response = await api.http.put(path).set('If-Match', tags).send(make());
          expectProblem(response, 412, 'version');
          expect(response.headers.etag).toBeUndefined();
          expect(await count()).toBe(rows);
        },
      );
    } else {
      it('answers 404 where nothing is', async () => {
        const response = await send({ id: UNKNOWN_ID }).set('If-Match', etagOf({ id: UNKNOWN_ID, version: 1 }));
        expectProblem(response, 404, 'not_found');
      });

      it('takes no If-None-Match: 400', async () => {
        const row = await create();
        for (const tags of ['*', etagOf(row)]) {
          const response = await send(row).set('If-None-Match', tags);
          expectProblem(response, 400, 'malformed_header', [{ pointer: '/If-None-Match' }]);
        }
        await expectUnchanged(row);
      });
    }
  });

  describe('PUT with If-None-Match: *', () => {
    it('creates what is new', async () => {
      const { body, headers } = await api.http.put(path).set('If-None-Match', '*').send(make()).expect(201);
      expect(headers.etag).toBe(etagOf(body));
    });

    it('never changes what is there: 412 with its ETag', async () => {
      const row = await create();
      const response = await api.http.put(path).set('If-None-Match', '*').send(changeOf(row));
      expectProblem(response, 412, 'exists');
      expect(response.headers.etag).toBe(etagOf(row));
      await expectUnchanged(row);
    });

    it('takes nothing but *: 400', async () => {
      const row = await create();
      const response = await api.http.put(path).set('If-None-Match', etagOf(row)).send(changeOf(row));
      expectProblem(response, 400, 'malformed_header', [{ pointer: '/If-None-Match' }]);
      await expectUnchanged(row);
    });
  });

  describe(`${WRITERS} at once`, () => {
    const valueOf = (writer: number, { id }: Values) => ({ [mandatory]: `by ${writer} ${id}` });

    it('change one version once: one 200, all others 412 with the ETag of the winner', async () => {
      const row = await create();
      const answers = await atOnce((writer) =>
        api.http.patch(`${path}/${row.id}`).set('If-Match', etagOf(row)).send(valueOf(writer, row)),
      );
      expect(statuses(answers)).toEqual([200, ...Array<number>(WRITERS - 1).fill(412)]);
      const winner = answers.find(({ status }) => status === 200)!.body as Values;
      expect(winner.version).toBe(2);
      expect(new Set(answers.map(({ headers }) => headers.etag))).toEqual(new Set([etagOf(winner)]));
      await expectUnchanged(winner);
    });

    it('change one version once, some of them in bulk', async () => {
      const row = await create();
      const answers = await atOnce((writer) =>
        writer % 2
          ? api.http.patch(`${path}/bulk`).send([{ id: row.id, version: 1, ...valueOf(writer, row) }])
          : api.http.patch(`${path}/${row.id}`).set('If-Match', etagOf(row)).send(valueOf(writer, row)),
      );
      expect(statuses(answers)).toEqual([200, ...Array<number>(WRITERS - 1).fill(412)]);
      expect((await get(row.id)).body.version).toBe(2);
    });

    it('create one record by PUT with If-None-Match: *', async () => {
      const values = make();
      const answers = await atOnce(() => api.http.put(path).set('If-None-Match', '*').send(values));
      expect(statuses(answers)).toEqual([201, ...Array<number>(WRITERS - 1).fill(412)]);
      expect(new Set(answers.map(({ headers }) => headers.etag)).size).toBe(1);
    });

    it('change or delete one version once', async () => {
      const row = await create();
      const answers = await atOnce((writer) =>
        writer % 2
          ? api.http.delete(`${path}/${row.id}`).set('If-Match', etagOf(row))
          : api.http.patch(`${path}/${row.id}`).set('If-Match', etagOf(row)).send(valueOf(writer, row)),
      );
      expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
      const lost = answers.filter(({ ok }) => !ok);
      const wasDeleted = answers.some(({ status }) => status === 204);
      expect(new Set(lost.map(({ status }) => status))).toEqual(new Set([wasDeleted ? 404 : 412]));
    });
  });
});

describe('a route of a model’s own', () => {
  it('has the ETag of the record it answers, and knows If-None-Match', async () => {
    const make = await books.prepare(api);
    const { body } = await api.http.post(books.path).send(make()).expect(201);
    const route = `${books.path}/by-identifier/${body.identifier}`;
    expect((await api.http.get(route).expect(200)).headers.etag).toBe(etagOf(body));
    await api.http.get(route).set('If-None-Match', etagOf(body)).expect(304);
  });
});

describe('REQUIRE_IF_MATCH=true', () => {
  let api: TestApi;
  beforeAll(async () => (api = await startApi({ REQUIRE_IF_MATCH: 'true' })));
  afterAll(() => api.close());

  describe.each(MODELS)('$path', ({ path, change, prepare }: Model) => {
    let make: Maker;
    beforeAll(async () => (make = await prepare(api)));
    const create = async (): Promise<Values> => (await api.http.post(path).send(make()).expect(201)).body;

    it.each([undefined, '*'])('refuses a PATCH that names no version (If-Match: %s)', async (tags) => {
      const row = await create();
      const request = api.http.patch(`${path}/${row.id}`).send(change);
      expectProblem(await (tags ? request.set('If-Match', tags) : request), 428, 'if_match_required');
      expect((await api.http.get(`${path}/${row.id}`)).body).toEqual(row);
    });

    it('takes one that does, and 412s one that is late', async () => {
      const row = await create();
      const patch = () => api.http.patch(`${path}/${row.id}`).set('If-Match', etagOf(row)).send(change);
      await patch().expect(200);
      expectProblem(await patch(), 412, 'version');
    });

    it('asks for none of PUT, DELETE and bulk', async () => {
      const values = make();
      const { id } = (await api.http.put(path).send(values).expect(201)).body;
      await api.http.put(path).send(values).expect(200);
      await api.http
        .patch(`${path}/bulk`)
        .send([{ id, ...change }])
        .expect(200);
      await api.http.delete(`${path}/${id}`).expect(204);
    });
  });
});
