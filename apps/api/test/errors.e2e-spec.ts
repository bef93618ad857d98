import { connect } from 'node:net';
import { startApi, TestApi } from '@app/testing';
import { aBook } from '@app/domain';
import { books, Values } from './models';
import { expectProblem } from './problems';

const { path } = books;

describe('problems', () => {
  let api: TestApi;
  beforeAll(async () => (api = await startApi()));
  afterAll(() => api.close());

  /** Every route that takes a body. */
  const BODIES = [
    ['post', path],
    ['put', path],
    ['patch', `${path}/00000000-0000-7000-8000-000000000000`],
    ['post', `${path}/bulk`],
    ['put', `${path}/bulk`],
    ['patch', `${path}/bulk`],
    ['post', `${path}/bulk/read`],
    ['post', `${path}/bulk/delete`],
  ] as const;

  describe.each(BODIES)('%s %s', (method, url) => {
    it.each([
      ['half an object', '{"name": '],
      ['no JSON', 'name=x'],
      ['NaN', '{"name": NaN}'],
      ['a trailing comma', '[1,]'],
      ['nothing', ''],
      ['a poisoned prototype', '{"__proto__": {"isAdmin": true}}'],
      ['a poisoned constructor', '{"constructor": {"prototype": {"isAdmin": true}}}'],
    ])('answers 400 for %s', async (_what, text) => {
      expectProblem(await api.http[method](url).type('application/json').send(text), 400, 'malformed_json');
      expect(({} as Values).isAdmin).toBeUndefined();
    });

    it.each([
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/xml',
      'multipart/form-data; boundary=x',
      'x',
    ])('answers 415 for %s', async (type) => {
      const response = await api.http[method](url).set('Content-Type', type).send('identifier=x');
      expectProblem(response, 415, 'unsupported_media_type');
    });

    it('answers 4xx without a body', async () => expectProblem(await api.http[method](url), 422, 'type'));
  });

  it.each([
    '/nowhere',
    '/api',
    '/api/v1',
    '/api/v1/nothing',
    `${path}/bulk/nothing`,
    `${path}/a/b`,
    `${path}/`,
    '/api/v1//books',
    '/API/v1/books',
  ])('answers 404 for the unknown route %s', async (url) => {
    for (const method of ['get', 'post', 'delete'] as const)
      expectProblem(await api.http[method](url), 404, 'not_found');
  });

  it.each([
    ['patch', path, 'DELETE, GET, HEAD, POST, PUT'],
    ['options', path, 'DELETE, GET, HEAD, POST, PUT'],
    ['post', `${path}/00000000-0000-7000-8000-000000000000`, 'DELETE, GET, HEAD, PATCH'],
    ['get', `${path}/bulk/read?limit=1`, 'POST'],
    ['delete', '/health/live', 'GET, HEAD'],
  ] as const)('answers 405 for %s %s, with what is allowed', async (method, url, allowed) => {
    const response = await api.http[method](url);
    expectProblem(response, 405, 'method_not_allowed');
    expect(response.headers.allow).toBe(allowed);
    expect(response.body.detail).toBe(`${method.toUpperCase()} is not possible here; ${allowed} is.`);
  });

  it.each(['%', '%zz', '%ED%A0%80', '%C0%80'])('answers 400 for the path that ends in %s', async (ending) => {
    const response = await api.http.get(`${path}/${ending}`);
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(response.body).toMatchObject({ status: 400, instance: `${path}/${ending}`, requestId: expect.any(String) });
    expect(response.status).toBe(400);
  });

  it('refuses a query parameter where none is read, before anything is written', async () => {
    const response = await api.http.post(`${path}?dryRun=true`).send(aBook({ identifier: 'not in earnest' }));
    expectProblem(response, 400, 'unknown_field', [{ pointer: '/dryRun' }]);
    await api.http.get(`${path}/by-identifier/not in earnest`).expect(404);
  });

  it('refuses a body that is not UTF-8 rather than storing something like it', async () => {
    const body = Buffer.concat([
      Buffer.from('{"identifier":"utf-8","author":"A","name":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}'),
    ]);
    const response = await fetch(api.url + path, {
      method: 'POST',
      headers: { authorization: api.authorization, 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'malformed_json', detail: 'The body is not UTF-8.' });
    await api.http.get(`${path}/by-identifier/utf-8`).expect(404);
  });

  it('answers what is not HTTP with a problem, too', async () => {
    const { port } = new URL(api.url);
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('HELLO?\r\n\r\n'));
      socket
        .setEncoding('utf8')
        .on('data', (chunk) => (text += chunk))
        .on('end', () => resolve(text))
        .on('error', reject);
    });
    const [head, body] = answer.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(head).toMatch(/^Content-Type: application\/problem\+json/m);
    expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'malformed_request', requestId: expect.any(String) });
  });

  describe('X-Request-Id', () => {
    it.each(['a', 'trace:1.2-3_4', 'x'.repeat(100)])('is echoed when it is %s', async (id) => {
      const { headers } = await api.http.get(path).set('X-Request-Id', id).expect(200);
      expect(headers['x-request-id']).toBe(id);
      expect((await api.http.get('/nowhere').set('X-Request-Id', id)).body.requestId).toBe(id);
    });

    it.each(['', 'x'.repeat(101), 'a b', '{"a":1}', '<script>', 'é'])('is replaced when it is %j', async (id) => {
      const { headers } = await api.http.get(path).set('X-Request-Id', id).expect(200);
      expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    });

    it('is made where none is sent, another one for each request', async () => {
      const ids = new Set<string>();
      for (let n = 0; n < 5; n++) ids.add((await api.http.get(path)).headers['x-request-id']);
      expect(ids.size).toBe(5);
    });
  });
});

describe('limits', () => {
  const MOST_ITEMS = 10;
  const MOST_BYTES = 2_048;
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi({ BULK_MAX_ITEMS: String(MOST_ITEMS), BODY_LIMIT_BYTES: String(MOST_BYTES) });
  });
  afterAll(() => api.close());

  const empties = (n: number): object[] => Array.from({ length: n }, () => ({}));
  const count = async () => (await api.http.get(path).expect(200)).body.items.length;

  it.each(['post', 'put', 'patch'] as const)(
    '%s /bulk takes BULK_MAX_ITEMS items, and answers 413 for one more',
    async (method) => {
      const rows = await count();
      const response = await api.http[method](`${path}/bulk`).send(empties(MOST_ITEMS + 1));
      expectProblem(response, 413, 'too_many_items');
      expect(response.body.detail).toMatch(/\b10\b.*BULK_MAX_ITEMS.*\b11\b/);
      expect(await count()).toBe(rows);
      expectProblem(await api.http[method](`${path}/bulk`).send(empties(MOST_ITEMS)), 422);
    },
  );

  it.each(['read', 'delete'])('POST /bulk/%s takes BULK_MAX_ITEMS ids, and answers 413 for one more', async (verb) => {
    const ids = Array(MOST_ITEMS + 1).fill('00000000-0000-7000-8000-000000000000');
    expectProblem(await api.http.post(`${path}/bulk/${verb}`).send({ ids }), 413, 'too_many_items');
    expect((await api.http.post(`${path}/bulk/${verb}`).send({ ids: ids.slice(1) })).status).not.toBe(413);
  });

  it.each(['post', 'put'] as const)('%s takes BODY_LIMIT_BYTES bytes, and answers 413 for one more', async (method) => {
    const bytes = (n: number) => JSON.stringify(aBook()).padEnd(n);
    await api.http[method](path).type('json').send(bytes(MOST_BYTES)).expect(201);
    const rows = await count();
    const response = await api.http[method](path)
      .type('json')
      .send(bytes(MOST_BYTES + 1));
    expectProblem(response, 413, 'body_too_large');
    expect(response.body.detail).toContain('BODY_LIMIT_BYTES');
    expect(await count()).toBe(rows);
  });

  it('answers 413 for a body of unannounced length, too', async () => {
    const chunks = new ReadableStream({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode(' '.repeat(1_000)));
        if (++sent === 5) controller.close();
      },
    });
    let sent = 0;
    const response = await fetch(api.url + path, {
      method: 'POST',
      headers: { Authorization: api.authorization, 'Content-Type': 'application/json' },
      body: chunks,
      duplex: 'half',
    } as RequestInit);
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ status: 413, code: 'body_too_large' });
  });
});
