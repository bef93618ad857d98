import { randomUUID } from 'node:crypto';
import type { Response, Test } from 'supertest';
import { CrudService } from '@app/crud';
import { currentUnit, UnitOfWork } from '@app/database';
import { AppProcess, startApi, TestApi } from '@app/testing';
import { books, Maker, Model, MODELS, reviews, Values } from './models';
import { aPerson } from './people';
import { expectProblem } from './problems';
import { begin, withRival } from './rival';
import { Tunnel } from './tunnel';

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';

let api: TestApi;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.close());
afterEach(() => jest.restoreAllMocks());

const keyed = (request: Test, key: string): Test => request.set('Idempotency-Key', key);
const isReplay = ({ headers }: Response): boolean => headers['idempotency-replayed'] === 'true';
const etagOf = ({ id, version }: Values): string => `"${id}.${version}"`;
const inTenant = <T>(text: string, values: unknown[] = [], from = api): Promise<T[]> =>
  from.inTenant(() => currentUnit().manager.query(text, values));
const rowsOf = ({ table }: Model, from = api): Promise<Values[]> =>
  inTenant(`SELECT * FROM ${table} ORDER BY id`, [], from);
const countOf = async (model: Model): Promise<number> => (await rowsOf(model)).length;

/** A way to write: what makes a request that can be sent again as it was, and its status when all is well. */
interface Write {
  name: string;
  status: number;
  prepare(): Promise<() => Test>;
}
const write = (name: string, status: number, prepare: Write['prepare']): Write => ({ name, status, prepare });

/** What of an answer must be the same when it is given again. */
const substanceOf = ({ status, text, headers }: Response) => {
  const { date: _d, ratelimit: _l, 'x-request-id': _r, 'idempotency-replayed': _i, ...rest } = headers as Values;
  return { status, text, headers: rest };
};

describe.each(MODELS)('Idempotency-Key: $path', (model: Model) => {
  const { path, naturalKey, mandatory, nullable, change } = model;
  let make: Maker;
  beforeAll(async () => (make = await model.prepare(api)));

  const create = async (values: Values = make()): Promise<Values> =>
    (await api.http.post(path).send(values).expect(201)).body;
  const keyOf = (values: Values): Values => Object.fromEntries(naturalKey.map((field) => [field, values[field]]));

  const writes: Write[] = [
    write('POST', 201, async () => {
      const values = make();
      return () => api.http.post(path).send(values);
    }),
    write('PUT of what is new', 201, async () => {
      const values = make();
      return () => api.http.put(path).set('If-None-Match', '*').send(values);
    }),
    write('PUT of what is there', 200, async () => {
      const row = await create();
      return () =>
        api.http
          .put(path)
          .set('If-Match', etagOf(row))
          .send({ ...keyOf(row), ...change });
    }),
    write('PATCH', 200, async () => {
      const row = await create();
      return () => api.http.patch(`${path}/${row.id}`).set('If-Match', etagOf(row)).send(change);
    }),
    write('DELETE', 204, async () => {
      const { id } = await create();
      return () => api.http.delete(`${path}/${id}`);
    }),
    write('DELETE by filter', 200, async () => {
      const { id } = await create();
      return () => api.http.delete(path).query({ 'filter[id][eq]': id });
    }),
    write('POST in bulk', 201, async () => {
      const items = [make(), make()];
      return () => api.http.post(`${path}/bulk`).set('Prefer', 'return=representation').send(items);
    }),
    write('PUT in bulk', 200, async () => {
      const items = [make(), { ...keyOf(await create()), ...change }];
      return () => api.http.put(`${path}/bulk`).send(items);
    }),
    write('PATCH in bulk', 200, async () => {
      const { id, version } = await create();
      return () => api.http.patch(`${path}/bulk`).send([{ id, version, ...change }]);
    }),
    write('DELETE in bulk', 200, async () => {
      const ids = [(await create()).id, (await create()).id];
      return () => api.http.post(`${path}/bulk/delete`).send({ ids });
    }),
    write('POST in bulk, mode=partial', 207, async () => {
      const items = [make(), {}, make()];
      return () => api.http.post(`${path}/bulk?mode=partial`).send(items);
    }),
    write('DELETE in bulk, mode=partial', 207, async () => {
      const ids = [(await create()).id, UNKNOWN_ID];
      return () => api.http.post(`${path}/bulk/delete?mode=partial`).send({ ids });
    }),
  ];
  if (model.isSoftDelete) {
    const deleted = async () => {
      const { id } = await create();
      await api.http.delete(`${path}/${id}`).expect(204);
      return id as string;
    };
    writes.push(
      write('restore', 200, async () => {
        const id = await deleted();
        return () => api.http.post(`${path}/${id}/restore`).set('If-Match', etagOf({ id, version: 2 }));
      }),
      write('purge', 204, async () => {
        const id = await deleted();
        return () => api.http.delete(`${path}/${id}?purge=true`);
      }),
    );
  }

  it.each(writes)('$name is answered again as it was, and not done again', async ({ status, prepare }) => {
    const [key, send] = [randomUUID(), await prepare()];
    const before = await rowsOf(model);
    const first = await keyed(send(), key);
    expect({ status: first.status, body: first.body }).toEqual({ status, body: first.body });
    const after = await rowsOf(model);
    expect(after).not.toEqual(before);
    const again = await keyed(send(), key);
    expect(substanceOf(again)).toEqual(substanceOf(first));
    expect([isReplay(first), isReplay(again)]).toEqual([false, true]);
    expect(await rowsOf(model)).toEqual(after);
  });

  it('is answered with Location, ETag and Preference-Applied as well', async () => {
    const [key, values] = [randomUUID(), make()];
    const { body } = await keyed(api.http.post(path).send(values), key).expect(201);
    const { headers } = await keyed(api.http.post(path).send(values), key).expect(201);
    expect(headers).toMatchObject({
      location: `${path}/${body.id}`,
      etag: etagOf(body),
      'idempotency-replayed': 'true',
    });
    expect(headers['content-type']).toMatch(/^application\/json/);
    const bulk = () => keyed(api.http.patch(`${path}/bulk`).send([{ id: body.id, ...change }]), key);
    await bulk().set('Prefer', 'return=representation').expect(200);
    expect((await bulk().expect(200)).headers['preference-applied']).toBe('return=representation');
  });

  it('refuses another body: 422, and writes nothing', async () => {
    const [key, values] = [randomUUID(), make()];
    await keyed(api.http.post(path).send(values), key).expect(201);
    const rows = await countOf(model);
    const spelt = JSON.stringify(values);
    for (const other of [JSON.stringify(make()), ` ${spelt}`, '[]']) {
      const response = await keyed(api.http.post(path).type('json').send(other), key);
      expectProblem(response, 422, 'idempotency_key_reused');
    }
    expect(await countOf(model)).toBe(rows);
    expect(isReplay(await keyed(api.http.post(path).type('json').send(spelt), key).expect(201))).toBe(true);
  });

  it('carries out one of two bodies that come at once, and refuses the other', async () => {
    const key = randomUUID();
    const rows = await countOf(model);
    const answers = await Promise.all([make(), make()].map((values) => keyed(api.http.post(path).send(values), key)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 422]);
    expect(await countOf(model)).toBe(rows + 1);
  });

  describe('runs anew when the first', () => {
    const anew = async (request: Test): Promise<Values> => {
      const response = await request.expect(201);
      expect(isReplay(response)).toBe(false);
      return response.body;
    };

    it('was refused for its values: 422', async () => {
      const [key, values] = [randomUUID(), make()];
      expectProblem(await keyed(api.http.post(path).send({ ...values, evil: 1 }), key), 422, 'unknown_field');
      await anew(keyed(api.http.post(path).send(values), key));
    });

    it('was in conflict: 409', async () => {
      const [key, values] = [randomUUID(), make()];
      const { id } = await create(values);
      expectProblem(await keyed(api.http.post(path).send(values), key), 409, 'unique');
      await api.http.delete(`${path}/${id}`).expect(204);
      await anew(keyed(api.http.post(path).send(values), key));
    });

    it('came too late: 412', async () => {
      const [key, row] = [randomUUID(), await create()];
      const patch = (etag: string) =>
        keyed(api.http.patch(`${path}/${row.id}`).set('If-Match', etag).send(change), key);
      expectProblem(await patch('"other"'), 412, 'version');
      expect(isReplay(await patch(etagOf(row)).expect(200))).toBe(false);
    });

    it('was refused in bulk, whole', async () => {
      const [key, items] = [randomUUID(), [make(), make()]];
      const { id } = await create(items[1]);
      expectProblem(await keyed(api.http.post(`${path}/bulk`).send(items), key), 409, 'unique', [{ index: 1 }]);
      await api.http.delete(`${path}/${id}`).expect(204);
      expect((await anew(keyed(api.http.post(`${path}/bulk`).send(items), key))).count).toBe(2);
    });

    it('failed after it had written', async () => {
      const [key, values, rows] = [randomUUID(), make(), await countOf(model)];
      const { createOne } = CrudService.prototype;
      const failing = jest.spyOn(CrudService.prototype, 'createOne').mockImplementation(async function (
        this: CrudService<any>,
        ...args
      ) {
        await createOne.apply(this, args);
        throw new Error('a rule of the house');
      });
      expectProblem(await keyed(api.http.post(path).send(values), key), 500);
      expect(await countOf(model)).toBe(rows);
      failing.mockRestore();
      await anew(keyed(api.http.post(path).send(values), key));
      expect(await countOf(model)).toBe(rows + 1);
    });

    it('was longer ago than answers are kept', async () => {
      const [key, values] = [randomUUID(), make()];
      const post = () => keyed(api.http.post(path).send(values), key);
      const first = (await post().expect(201)).body;
      await api.http.delete(`${path}/${first.id}`).expect(204);
      expect((await post().expect(201)).body).toEqual(first); // to this answer it is still there
      await inTenant(`UPDATE idempotency_key SET expires_at = now() - interval '1 s'`);
      const second = await anew(post());
      expect(second.id).not.toBe(first.id);
      expect((await post().expect(201)).body).toEqual(second);
    });
  });

  describe('is another key', () => {
    const runs = async (request: Test, status: number): Promise<void> =>
      expect(isReplay(await request.expect(status))).toBe(false);
    const post = (key: string, values: Values) => keyed(api.http.post(path).send(values), key);

    it('with another method', async () => {
      const [key, values] = [randomUUID(), make()];
      await runs(post(key, values), 201);
      await runs(keyed(api.http.put(path).send(values), key), 200);
    });

    it('under another path', async () => {
      const key = randomUUID();
      for (const { id } of [await create(), await create()])
        await runs(keyed(api.http.patch(`${path}/${id}`).send(change), key), 200);
    });

    it('with another query', async () => {
      const [key, items] = [randomUUID(), [make()]];
      await runs(keyed(api.http.post(`${path}/bulk`).send(items), key), 201);
      await runs(keyed(api.http.post(`${path}/bulk?mode=partial`).send(items), key), 207);
      const [one, two] = [await create(), await create()];
      for (const { id } of [one, two])
        await runs(keyed(api.http.delete(path).query({ 'filter[id][eq]': id }), key), 200);
      expect((await api.http.get(path).query({ 'filter[id][in]': [one.id, two.id] })).body.items).toEqual([]);
    });

    it('of someone else', async () => {
      const [key, values] = [randomUUID(), make()];
      await runs(post(key, values), 201);
      const unitOfWork = api.app.get(UnitOfWork, { strict: false });
      const run = unitOfWork.run.bind(unitOfWork);
      jest.spyOn(unitOfWork, 'run').mockImplementation((scope, work) => run({ ...scope, actor: 'someone else' }, work));
      expectProblem(await post(key, values), 409, 'unique');
    });
  });

  it('is of no use in a dry run: 400', async () => {
    const [key, items, row] = [randomUUID(), [make()], await create()];
    await keyed(api.http.post(`${path}/bulk`).send(items), key).expect(201);
    const dry = { dryRun: true };
    for (const request of [
      api.http.post(`${path}/bulk`).query(dry).send(items),
      api.http.put(`${path}/bulk`).query(dry).send(items),
      api.http
        .patch(`${path}/bulk`)
        .query(dry)
        .send([{ id: row.id }]),
      api.http
        .post(`${path}/bulk/delete`)
        .query(dry)
        .send({ ids: [row.id] }),
      api.http.delete(path).query({ ...dry, 'filter[id][eq]': row.id }),
    ])
      expectProblem(await keyed(request, key), 400, 'not_a_write', [{ pointer: '/Idempotency-Key' }]);
  });

  it('changes nothing where nothing is written', async () => {
    const [key, row] = [randomUUID(), await create()];
    for (const name of [row[mandatory], `other ${row.id}`]) {
      await api.http
        .patch(`${path}/${row.id}`)
        .send({ [mandatory]: name })
        .expect(200);
      const { body } = await keyed(api.http.get(`${path}/${row.id}`), key).expect(200);
      const many = await keyed(api.http.post(`${path}/bulk/read`).send({ ids: [row.id] }), key).expect(200);
      expect([body[mandatory], many.body.items[0][mandatory]]).toEqual([name, name]);
    }
  });

  it('waits for a first that still runs, and is answered as that is', () =>
    withRival(api, async (rival) => {
      const { id } = await create();
      await rival.run(`SELECT FROM ${model.table} WHERE id = $1 FOR UPDATE`, [id]);
      const patch = () => begin(keyed(api.http.patch(`${path}/${id}`).send({ [nullable]: null }), id));
      const first = patch();
      await rival.blocks(1);
      const others = [patch(), patch(), patch()];
      await rival.commit();
      expect(isReplay(await first)).toBe(false);
      for (const other of await Promise.all(others)) {
        expect(substanceOf(other)).toEqual(substanceOf(await first));
        expect(isReplay(other)).toBe(true);
      }
    }));
});

describe('an Idempotency-Key', () => {
  let make: Maker;
  beforeAll(async () => (make = await books.prepare(api)));

  it.each(['x', '"quoted"', '{~!@#$%^&*}', 'x'.repeat(255)])('can be %s', async (key) => {
    const values = make();
    for (const expected of [false, true])
      expect(isReplay(await keyed(api.http.post(books.path).send(values), key).expect(201))).toBe(expected);
  });

  it.each(['', 'a b', 'x'.repeat(256), 'é', 'a\tb'])('cannot be %j: 400', async (key) => {
    const response = await keyed(api.http.post(books.path).send(make()), key);
    expectProblem(response, 400, 'malformed_header', [{ pointer: '/Idempotency-Key' }]);
  });

  it('cannot be two: 400', async () => {
    const response = await api.http
      .post(books.path)
      .set('Idempotency-Key', ['a', 'b'] as never)
      .send(make());
    expectProblem(response, 400, 'malformed_header');
  });

  it('is another in another tenant', async () => {
    const [key, values, other] = [randomUUID(), make(), await aPerson(api)];
    const first = (await keyed(api.http.post(books.path).send(values), key).expect(201)).body;
    const second = await keyed(other.http.post(books.path).send(values), key).expect(201);
    expect(isReplay(second)).toBe(false);
    expect(second.body.id).not.toBe(first.id);
  });

  it('is kept for 24 hours, and swept along with others when it is over', async () => {
    const kept = () =>
      inTenant<{ hours: number; expired: boolean }>(
        `SELECT extract(epoch FROM expires_at - now())::float / 3600 AS hours, expires_at <= now() AS expired FROM idempotency_key`,
      );
    const EXPIRED = 25;
    await inTenant('DELETE FROM idempotency_key');
    await inTenant(
      `INSERT INTO idempotency_key (id, request_hash, status, headers, expires_at)
       SELECT int4send(n), '', 200, '{}', now() - n * interval '1 s' FROM generate_series(1, $1::int) AS n`,
      [EXPIRED],
    );
    for (let left = EXPIRED; left > 0;) {
      await keyed(api.http.post(books.path).send(make()), randomUUID()).expect(201);
      const now = (await kept()).filter(({ expired }) => expired).length;
      expect(now).toBeLessThan(Math.max(1, left - 1)); // more go than come
      left = now;
    }
    const living = await kept();
    expect(living.length).toBeGreaterThan(0);
    for (const { hours } of living) expect(hours).toBeCloseTo(24, 1);
  });

  describe.each([
    ['of at most 1 MiB is kept whole', 5, true],
    ['of more than 1 MiB is kept as ids only', 6, false],
  ])('an answer', (title, items, isWhole) => {
    it(title, async () => {
      const make = await reviews.prepare(api);
      const body = 'é'.repeat(100_000); // two bytes each
      const values = Array.from({ length: items }, () => make({ body }));
      const post = (key: string) =>
        keyed(api.http.post(`${reviews.path}/bulk`).send(values), key)
          .set('Prefer', 'return=representation')
          .expect(201);
      const key = randomUUID();
      const first = await post(key);
      const again = await post(key);
      expect(isReplay(again)).toBe(true);
      expect(first.body.results).toHaveLength(items);
      expect(again.text === first.text).toBe(isWhole); // too long to be shown by a failure
      expect(Object.keys(again.body)).toEqual(isWhole ? ['count', 'ids', 'results'] : ['count', 'ids']);
      expect([again.body.count, again.body.ids]).toEqual([items, first.body.ids]);
      expect(again.headers['preference-applied']).toBe(isWhole ? 'return=representation' : undefined);
    });
  });
});

describe.each([5, 1])('50 at once with a pool of %i', (size) => {
  const PARALLEL = 50;
  let api: TestApi;
  beforeAll(async () => (api = await startApi({ DATABASE_POOL_SIZE: String(size) })));
  afterAll(() => api.close());

  it.each(MODELS)('$path: one is carried out, and all are answered alike', async (model) => {
    const { path } = model;
    const make = await model.prepare(api);
    const { id } = (await api.http.post(path).send(make()).expect(201)).body;
    const [one, many] = [make(), [make(), make()]];
    for (const [status, send] of [
      [201, () => api.http.post(path).send(one)],
      [201, () => api.http.post(`${path}/bulk`).send(many)],
      [204, () => api.http.delete(`${path}/${id}`)],
    ] as [number, () => Test][]) {
      const before = await rowsOf(model, api);
      const key = randomUUID();
      const answers = await Promise.all(Array.from({ length: PARALLEL }, () => keyed(send(), key)));
      expect(answers[0].status).toBe(status);
      for (const answer of answers) expect(substanceOf(answer)).toEqual(substanceOf(answers[0]));
      expect(answers.filter(isReplay)).toHaveLength(PARALLEL - 1);
      const written = (await rowsOf(model, api)).length - before.length;
      expect(written).toBe(status === 204 ? (model.isSoftDelete ? 0 : -1) : (answers[0].body.count ?? 1));
    }
  });
});

describe('a request whose first goes on and on', () => {
  let api: TestApi;
  beforeAll(async () => (api = await startApi({ DATABASE_POOL_SIZE: '2' })));
  afterAll(() => api.close());

  it('gives up after 5 s with 409 and Retry-After, and holds no connection meanwhile', () =>
    withRival(api, async (rival) => {
      const make = await books.prepare(api);
      const { id } = (await api.http.post(books.path).send(make()).expect(201)).body;
      await rival.run('SELECT FROM book WHERE id = $1 FOR UPDATE', [id]);
      const patch = () => begin(keyed(api.http.patch(`${books.path}/${id}`).send({ name: 'Changed' }), 'k'));
      const first = patch(); // has one of the two connections
      await rival.blocks(1);

      const begun = Date.now();
      const waiting = { goesOn: true };
      const others = Promise.all(
        Array.from({ length: 10 }, async () => ({ answer: await patch(), ms: Date.now() - begun })),
      ).finally(() => (waiting.goesOn = false));
      const served: number[] = []; // by the other one
      while (waiting.goesOn) served.push((await api.http.get(`${books.path}/${id}`)).status);
      expect(new Set(served)).toEqual(new Set([200]));
      expect(served.length).toBeGreaterThan(10);
      for (const { answer, ms } of await others) {
        expectProblem(answer, 409, 'still_running');
        expect(answer.headers['retry-after']).toBe('1');
        expect(ms).toBeGreaterThan(4_900); // the clocks of timers are not that exact
        expect(ms).toBeLessThan(8_000);
      }

      await rival.commit();
      expect([(await first).status, isReplay(await first)]).toEqual([200, false]);
      const later = await patch();
      expect(substanceOf(later)).toEqual(substanceOf(await first));
      expect(isReplay(later)).toBe(true);
    }));
});

describe('a process that is killed -9 between effect and answer', () => {
  it('leaves the answer behind: another process gives it, and writes nothing', async () => {
    const tunnel = await Tunnel.to(api.adminUrl);
    const doomed = AppProcess.start('api', {
      DATABASE_URL: tunnel.url,
      SCHEMA_PREFIX: api.prefix,
      DATABASE_POOL_SIZE: '2',
    });
    try {
      const url = await doomed.url();
      const [key, values] = [randomUUID(), (await books.prepare(api))()];
      const committed = tunnel.swallowCommit();
      const answer = fetch(url + books.path, {
        method: 'POST',
        headers: { Authorization: api.authorization, 'Content-Type': 'application/json', 'Idempotency-Key': key },
        body: JSON.stringify(values),
      }).then(
        ({ status }) => status,
        () => 'none',
      );
      await committed;
      expect(await doomed.kill('SIGKILL')).toBe('SIGKILL');
      expect(await answer).toBe('none');

      const rows = await rowsOf(books);
      const stored = rows.filter(({ identifier }) => identifier === values.identifier);
      expect(stored).toHaveLength(1);
      const retried = await keyed(api.http.post(books.path).send(values), key).expect(201);
      expect(isReplay(retried)).toBe(true);
      expect(retried.body).toMatchObject({ ...values, id: stored[0].id, version: 1 });
      expect(retried.headers).toMatchObject({
        location: `${books.path}/${stored[0].id}`,
        etag: etagOf(retried.body),
      });
      expect(await rowsOf(books)).toEqual(rows);
    } finally {
      await doomed.kill('SIGKILL');
      tunnel.close();
    }
  });
});
