import { randomUUID } from 'node:crypto';
import { Agent, IncomingMessage, request as httpRequest, Server } from 'node:http';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { currentUnit, withAdmin } from '@app/database';
import { aBook, aCritic } from '@app/domain';
import { startApi, TestApi } from '@app/testing';
import { books, critics, Maker, Model, MODELS, Values } from './models';
import { expectProblem } from './problems';

const NDJSON = 'application/x-ndjson';
const CSV = 'text/csv';

const ndjson = (values: Values[]): string => values.map((value) => JSON.stringify(value)).join('\n');
const cell = (value: string | number | null): string =>
  value === null ? '' : `"${String(value).replaceAll('"', '""')}"`;
const csv = (values: Values[], end = '\n'): string => {
  const fields = Object.keys(values[0]);
  return [fields.join(','), ...values.map((value) => fields.map((field) => cell(value[field])).join(','))].join(end);
};

describe.each(MODELS)('files of $path', (model: Model) => {
  const { path, table, naturalKey, mandatory, nullable } = model;
  let api: TestApi;
  let make: Maker;
  beforeAll(async () => {
    api = await startApi();
    make = await model.prepare(api);
  });
  afterAll(() => api.close());

  const send = (file: string | Buffer, type: string, query: object = {}) =>
    api.http.post(`${path}/import`).query(query).type(type).send(file);
  const exported = (query: object) => api.http.get(`${path}/export`).query(query).buffer(true).parse(asText);
  const lines = (text: string): Values[] => text.trimEnd().split('\n').filter(Boolean).map((line) => JSON.parse(line)); // prettier-ignore
  const all = async (query: object = {}): Promise<Values[]> =>
    lines((await exported(query).expect(200)).body as string);
  const count = (): Promise<number> =>
    api.inTenant(async () => {
      const [{ n }] = await currentUnit().manager.query(`SELECT count(*)::int AS n FROM ${table}`);
      return n as number;
    });
  const keyOf = (values: Values): string => JSON.stringify(naturalKey.map((field) => values[field]));
  const imported = async (values: Values[]): Promise<Values[]> => {
    const keys = new Set(values.map(keyOf));
    return (await all()).filter((record) => keys.has(keyOf(record)));
  };
  const several = (many = 3) => Array.from({ length: many }, () => make());

  describe('POST /import', () => {
    it.each([
      ['NDJSON', NDJSON, ndjson],
      [
        'NDJSON with CRLF, a blank line and a BOM',
        NDJSON,
        (v: Values[]) => `\ufeff\r\n${ndjson(v).replaceAll('\n', '\r\n')}\r\n`,
      ],
      ['CSV', CSV, csv],
      ['CSV with CRLF and a BOM', `${CSV}; charset=utf-8`, (v: Values[]) => `\ufeff${csv(v, '\r\n')}\r\n`],
    ])('creates a record for each line of %s', async (_what, type, write) => {
      const values = several();
      const { body } = await send(write(values), type).expect(200);
      expect(body).toEqual({ created: 3, updated: 0, unchanged: 0, failed: 0, errors: [] });
      const found = await imported(values);
      expect(found).toHaveLength(3);
      for (const value of values)
        expect(found.find((record) => keyOf(record) === keyOf(value))).toMatchObject({ ...value, version: 1 });
    });

    it('takes a file by gzip', async () => {
      const values = several();
      const { body } = await send(gzipSync(ndjson(values)), NDJSON)
        .set('Content-Encoding', 'gzip')
        .expect(200);
      expect(body.created).toBe(3);
    });

    it('takes an empty file, in which there is nothing to do', async () => {
      const { body } = await send('', NDJSON).expect(200);
      expect(body).toEqual({ created: 0, updated: 0, unchanged: 0, failed: 0, errors: [] });
    });

    it('changes, creates and leaves alone with mode=upsert, and counts each', async () => {
      const [same, changed, fresh] = several();
      await send(ndjson([same, changed]), NDJSON).expect(200);
      const lines = [same, { ...changed, ...model.change }, fresh];
      const { body } = await send(ndjson(lines), NDJSON, { mode: 'upsert' }).expect(200);
      expect(body).toEqual({ created: 1, updated: 1, unchanged: 1, failed: 0, errors: [] });
      const versions = (await imported([same, changed, fresh])).map(({ version }) => version).sort();
      expect(versions).toEqual([1, 1, 2]);
    });

    it(`leaves ${nullable} alone where an upsert omits it, and clears it where it says null`, async () => {
      const [left, cleared] = several(2);
      await send(ndjson([left, cleared]), NDJSON).expect(200);
      const { [nullable]: before, ...rest } = left;
      await send(ndjson([rest, { ...cleared, [nullable]: null }]), NDJSON, { mode: 'upsert' }).expect(200);
      const found = await imported([left, cleared]);
      expect(found.find((record) => keyOf(record) === keyOf(left))![nullable]).toEqual(before);
      expect(found.find((record) => keyOf(record) === keyOf(cleared))![nullable]).toBeNull();
    });

    /** Six lines, of which the first is good and each other is bad in a way of its own. */
    const faulty = async () => {
      const [good, taken] = several(2);
      await api.http.post(path).send(taken).expect(201);
      const { [mandatory]: _left, ...lacking } = make();
      return [
        JSON.stringify(good),
        'no json',
        JSON.stringify({ ...make(), evil: 1 }),
        JSON.stringify(taken),
        JSON.stringify(lacking),
        JSON.stringify(good),
      ].join('\n');
    };
    const FAULTS = [
      { line: 2, pointer: '', code: 'malformed_json' },
      { line: 3, pointer: '/evil', code: 'unknown_field' },
      { line: 4, pointer: `/${naturalKey[0]}`, code: 'unique' },
      { line: 5, pointer: `/${mandatory}`, code: 'required' },
      { line: 6, pointer: `/${naturalKey[0]}`, code: 'duplicate' },
    ];

    it('writes nothing when lines are bad, and names each of them', async () => {
      const file = await faulty();
      const before = await count();
      const response = await send(file, NDJSON);
      expectProblem(response, 422, 'invalid_lines', FAULTS);
      expect(response.body.detail).toMatch(/^5 lines are wrong/);
      expect(await count()).toBe(before);
    });

    it('leaves bad lines out with onError=skip, and reports them', async () => {
      const file = await faulty();
      const before = await count();
      const { body } = await send(file, NDJSON, { onError: 'skip' }).expect(200);
      expect(body).toMatchObject({ created: 1, failed: 5, errors: FAULTS });
      expect(await count()).toBe(before + 1);
    });

    it('says the same and writes nothing with dryRun=true', async () => {
      const file = await faulty();
      const before = await count();
      const dry = await send(file, NDJSON, { onError: 'skip', dryRun: true }).expect(200);
      expect(await count()).toBe(before);
      expect((await send(file, NDJSON, { onError: 'skip' }).expect(200)).body).toEqual(dry.body);
    });

    it('names the first 100 bad lines, and counts all', async () => {
      const response = await send('x\n'.repeat(250), NDJSON);
      expectProblem(response, 422, 'invalid_lines');
      expect(response.body.detail).toMatch(/^250 lines/);
      expect(response.body.errors.map(({ line }: Values) => line)).toEqual(
        Array.from({ length: 100 }, (_, n) => n + 1),
      );
    });

    it('refuses a column it does not know, before anything is written', async () => {
      expectProblem(await send('evil"; DROP TABLE book; --,name\n1,2', CSV), 422);
      expectProblem(await send('evil,name\n1,2', CSV), 422, undefined, [{ pointer: '/evil', code: 'unknown_field' }, ...(model === books || model === critics ? [] : [{ pointer: '/name' }])]); // prettier-ignore
    });

    it('refuses what is no file with 415, and files where there are none to take', async () => {
      expectProblem(await api.http.post(`${path}/import`).send([make()]), 415, 'unsupported_media_type');
      expectProblem(await api.http.post(path).type(CSV).send('a,b'), 415);
      expectProblem(await send('x', NDJSON).set('Content-Encoding', 'br'), 415);
    });

    it('refuses gzip that is none, or lacks its end', async () => {
      expectProblem(await send('x', NDJSON).set('Content-Encoding', 'gzip'), 400, 'malformed_gzip');
      const half = gzipSync(ndjson(several(50))).subarray(0, 200);
      expectProblem(await send(half, NDJSON).set('Content-Encoding', 'gzip'), 400, 'malformed_gzip');
    });

    it.each([
      ['mode', 'both'],
      ['onError', 'ignore'],
      ['nope', '1'],
    ])('refuses %s=%s', async (name, value) => {
      expectProblem(await send('', NDJSON, { [name]: value }), 400, undefined, [{ pointer: `/${name}` }]);
    });

    it('is carried out once for one Idempotency-Key, whose answer is repeated; with another file it is refused', async () => {
      const [key, file] = [randomUUID(), ndjson(several())];
      const first = await send(file, NDJSON).set('Idempotency-Key', key).expect(200);
      const again = await send(file, NDJSON).set('Idempotency-Key', key).expect(200);
      expect(again.headers['idempotency-replayed']).toBe('true');
      expect(again.text).toBe(first.text);
      expectProblem(await send(ndjson(several()), NDJSON).set('Idempotency-Key', key), 422, 'idempotency_key_reused');
    });

    it('leaves no transaction and no row when the client goes away', async () => {
      const before = await count();
      const headers = { authorization: api.authorization, 'content-type': NDJSON };
      const upload = httpRequest(`${api.url}${path}/import`, { method: 'POST', headers });
      upload.on('error', () => undefined);
      upload.write(`${ndjson(several(5))}\n`);
      await until(async () => (await copying(api)) === 1);
      upload.destroy();
      await until(async () => (await copying(api)) === 0 && (await inTransaction(api)) === 0);
      expect(await count()).toBe(before);
    });
  });

  describe('GET /export', () => {
    it('says each record as a list says it, in the same order', async () => {
      await send(ndjson(several(5)), NDJSON).expect(200);
      const { items } = (await api.http.get(path).query({ limit: 200, sort: '-createdAt' }).expect(200)).body;
      expect((await all({ sort: '-createdAt' })).slice(0, items.length)).toEqual(items);
    });

    it('takes the filters of a list', async () => {
      const [one, other] = several(2);
      await send(ndjson([one, other]), NDJSON).expect(200);
      const query = Object.fromEntries(naturalKey.map((field) => [`filter[${field}][eq]`, one[field]]));
      expect(await all(query)).toEqual([expect.objectContaining(one)]);
    });

    it('holds the chosen fields only', async () => {
      for (const record of await all({ fields: `${mandatory},id` }))
        expect(Object.keys(record)).toEqual([mandatory, 'id']);
    });

    it.each([
      [{ format: 'csv' }, undefined, CSV, 'csv'],
      [{}, 'text/csv', CSV, 'csv'],
      [{}, NDJSON, NDJSON, 'ndjson'],
      [{}, '*/*', NDJSON, 'ndjson'],
      [{ format: 'ndjson' }, 'text/csv', NDJSON, 'ndjson'],
    ])('answers %j with Accept: %s as %s', async (query, accept, type, extension) => {
      const response = await exported(query)
        .set(accept ? { Accept: accept } : {})
        .expect(200);
      expect(response.headers['content-type']).toContain(type);
      expect(response.headers['content-disposition']).toBe(`attachment; filename="${model.name}.${extension}"`);
    });

    it('refuses an Idempotency-Key, and what it does not know', async () => {
      expectProblem(await api.http.get(`${path}/export`).set('Idempotency-Key', 'x'), 400, 'not_a_write');
      expectProblem(await api.http.get(`${path}/export?limit=1`), 400, 'unknown_field', [{ pointer: '/limit' }]);
      expectProblem(await api.http.get(`${path}/export?format=xml`), 400, 'is_in', [{ pointer: '/format' }]);
    });

    it.each([
      ['ndjson', NDJSON],
      ['csv', CSV],
    ])('makes %s that imports again unchanged, whatever the text', async (format, type) => {
      const hostile = ['"', 'a\nb', 'a\r\nb', '\t', '\\.', '\\N', '\\', ',', ' x ', "'=1", '=1+1', '@a', '-', '+1', '\u{1f9d9}‍♀️', '\u0001', '\ufeff', 'null']; // prettier-ignore
      const values = hostile.map((text, n) => ({ ...make(), [mandatory]: naturalKey.includes(mandatory) ? `${text}${n}${format}` : text })); // prettier-ignore
      if (critics === model) values.push({ ...make(), bio: '', name: null }, { ...make(), bio: null, name: '' });
      await send(ndjson(values), NDJSON).expect(200);
      const before = await all();
      const file = (await exported({ format }).expect(200)).body as string;
      const { body } = await send(file, type, { mode: 'upsert' }).expect(200);
      expect(body).toEqual({ created: 0, updated: 0, unchanged: before.length, failed: 0, errors: [] });
      expect(await all()).toEqual(before);
    });
  });
});

describe('an export', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi({ DATABASE_POOL_SIZE: '1' });
  });
  afterAll(() => api.close());

  it('makes text harmless that a spreadsheet would run, unless raw=true', async () => {
    await api.http.post(books.path).send(aBook({ identifier: '=1+1', name: '@SUM', author: "'-2", releaseYear: -5 })).expect(201); // prettier-ignore
    const fields = 'identifier,name,author,releaseYear';
    const tame = await api.http.get(`${books.path}/export`).query({ format: 'csv', fields }).buffer(true);
    expect(tame.text).toBe(`${fields}\n'=1+1,'@SUM,''-2,-5\n`);
    const raw = await api.http.get(`${books.path}/export`).query({ format: 'csv', fields, raw: true }).buffer(true);
    expect(raw.text).toBe(`${fields}\n=1+1,@SUM,'-2,-5\n`);
    const again = await api.http.post(`${books.path}/import?mode=upsert&raw=true`).type(CSV).send(raw.text).expect(200);
    expect(again.body).toMatchObject({ unchanged: 1 });
  });

  it('shows deleted records when asked', async () => {
    const { body } = await api.http.post(critics.path).send(aCritic()).expect(201);
    await api.http.delete(`${critics.path}/${body.id}`).expect(204);
    const ids = async (deleted?: string) =>
      (await api.http.get(`${critics.path}/export`).query({ fields: 'id', deleted }).buffer(true)).text;
    expect(await ids()).not.toContain(body.id);
    expect(await ids('only')).toContain(body.id);
  });

  it('leaves nothing on the connection of its client, which others use after it', async () => {
    const sockets = new Set<Socket>();
    const server = api.app.getHttpServer() as Server;
    server.on('request', ({ socket }: IncomingMessage) => sockets.add(socket));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const listeners = async (path: string) => {
      await api.http.get(path).agent(agent).buffer(true).expect(200);
      return [...sockets].map((socket) => socket.listenerCount('timeout'));
    };
    const before = await listeners(books.path);
    for (let times = 1; times <= 3; times++) await listeners(`${books.path}/export`);
    expect(await listeners(books.path)).toEqual(before);
    agent.destroy();
  });

  it('frees its connection within a second when the client goes away', async () => {
    await api.inTenant(() =>
      currentUnit().manager.query(
        `INSERT INTO book (id, identifier, name, author, version)
         SELECT gen_random_uuid(), 'n' || n, repeat('x', 200), 'y', 1 FROM generate_series(1, 100000) n`,
      ),
    );
    await new Promise<void>((resolve) => {
      const headers = { authorization: api.authorization };
      const reading = httpRequest(`${api.url}${books.path}/export`, { headers }, (response) => {
        response.once('data', () => {
          response.destroy();
          resolve();
        });
      });
      reading.on('error', () => undefined).end();
    });
    await api.http.get(books.path).expect(200); // the pool has one connection only
    await until(async () => (await copying(api)) === 0);
  });
});

const asText = (answer: unknown, done: (error: Error | null, text: string) => void): void => {
  const response = answer as NodeJS.ReadableStream;
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => (text += chunk)).on('end', () => done(null, text));
};

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await holds()); await new Promise((go) => setTimeout(go, 20)))
    if (Date.now() > deadline) throw new Error('It did not come to that within 10 s.');
}

const backends = (api: TestApi, condition: string): Promise<number> =>
  withAdmin(api.adminUrl, async (client) => {
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = $1 AND ${condition}`,
      [`${api.prefix}app`],
    );
    return rows[0].n;
  });
const copying = (api: TestApi) => backends(api, `query LIKE 'COPY%' AND state = 'active'`);
const inTransaction = (api: TestApi) => backends(api, `state LIKE 'idle in transaction%'`);
