import * as fc from 'fast-check';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { startApi, TestApi } from '@app/testing';
import { Maker, MODELS, Values } from './models';

const RUNS = 2_000; // about ten seconds; fast-check prints seed and path of a failure, for fc.assert's options
const PATIENCE_MS = 10_000; // a request that takes longer hangs

interface Request {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

let api: TestApi;
let agent: Agent;
const makers = new Map<string, Maker>();
const REAL = 5; // records of each model that are there from the beginning
const idsOf = new Map<string, string[]>();
beforeAll(async () => {
  api = await startApi();
  agent = new Agent({ keepAlive: true });
  for (const model of MODELS) {
    const make = await model.prepare(api);
    const { body } = await api.http.post(`${model.path}/bulk`).send(Array.from({ length: REAL }, () => make()));
    makers.set(model.path, make);
    idsOf.set(model.path, body.ids);
  }
});
afterAll(async () => {
  agent.destroy();
  await api.close();
});

const send = ({ method, path, headers, body }: Request): Promise<{ status: number; type: string; text: string }> =>
  new Promise((resolve, reject) => {
    const options = {
      method,
      headers: { Authorization: api.authorization, ...headers, 'Content-Length': body.length },
      agent,
      timeout: PATIENCE_MS,
    };
    const sent = request(api.url + path, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode!,
          type: response.headers['content-type'] ?? '',
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)));
    sent.on('error', reject);
    sent.end(body);
  });

async function survives(given: Request): Promise<void> {
  const { status, type, text } = await send(given);
  expect({ status, text: status < 500 || text }).toEqual({ status: expect.any(Number), text: true });
  if (status < 400) return;
  expect({ status, type }).toEqual({ status, type: expect.stringMatching(/^application\/problem\+json/) });
  if (given.method === 'HEAD') return;
  expect(JSON.parse(text)).toMatchObject({ status, code: expect.any(String), requestId: expect.any(String) });
  expect(text).not.toMatch(/QueryFailedError|violates|syntax error|node_modules/);
}

// What is hostile about a value.
const text = fc.oneof(
  fc.constantFrom(
    '',
    'NaN',
    'null',
    '\0',
    'a\0b',
    '\ud83d',
    '\udc00x',
    '\u{1f9d9}‍♀️',
    '1e400',
    '%00',
    '../../..',
    '\u202e',
  ),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'then',
    "';DROP TABLE book;--",
    '${7*7}',
    '$1',
    '[]',
  ),
  fc.constantFrom(
    '00000000-0000-7000-8000-000000000000',
    '99999999999999999999',
    '2026-13-45',
    'Infinity',
    '0x10',
    '-1',
  ),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme' }),
);
const number = fc.oneof(
  fc.constantFrom(0, -0, 1.5, 1e21, 1e308, -1e308, 5e-324, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 2 ** 63, 32_768, 10_000),
  fc.double(),
  fc.integer(),
);
const scalar = fc.oneof(text, number, fc.boolean(), fc.constant(null));
const value: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 5, arbitrary: scalar },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.dictionary(text, scalar, { maxKeys: 3 }) },
  { weight: 1, arbitrary: fc.anything({ maxDepth: 4 }) },
);
const FIELDS = [...new Set(MODELS.flatMap(({ fields }) => fields)), 'ids', 'results', 'critic', 'book'];
const spoil = fc.tuple(
  fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...FIELDS) }, { weight: 1, arbitrary: text }),
  value,
);
const spoiling = fc.oneof(fc.constant<[string, unknown][]>([]), fc.array(spoil, { maxLength: 2 }));

/** Records as they should be, each spoilt in some fields. */
const records = (make: (n: number) => Values) =>
  fc.array(spoiling, { minLength: 1, maxLength: REAL }).map((all) => all.map((spoilt, n) => own(make(n), spoilt)));
function own(record: Values, spoilt: [string, unknown][]): Values {
  for (const [key, spoil] of spoilt)
    Object.defineProperty(record, key, { value: spoil, enumerable: true, configurable: true });
  return record;
}

const json = (spoilt: unknown): string => {
  try {
    return JSON.stringify(spoilt, (_key, item) => (typeof item === 'bigint' ? String(item) : item)) ?? 'undefined';
  } catch {
    return '{'; // fast-check makes objects, too, that cannot be spelt
  }
};
const NESTED = 20_000;
const raw = fc.oneof(
  fc.constantFrom(
    '',
    '{',
    '[',
    'null',
    '[NaN]',
    '[1e999]',
    '{"name":1,"name":2}',
    '{"a":1}}',
    '\ufeff{}',
    '{"__proto__":{"polluted":1}}',
    '{"a":{"\\u005f_proto__":{"polluted":1}}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"name":"\\ud800"}',
    '{"name":"\\u0000"}',
    '['.repeat(NESTED) + ']'.repeat(NESTED),
    `{"bio":${'{"a":'.repeat(NESTED)}1${'}'.repeat(NESTED)}}`,
    json({ name: 'x'.repeat(1_000_000) }),
    json([{ ['x'.repeat(1_000_000)]: 1 }]),
    json({ ids: Array(5_000).fill(1) }),
    json(Array(5_000).fill(null)),
  ),
  fc.json(),
  fc.uint8Array({ maxLength: 200 }),
);

const type = fc.oneof(
  { weight: 8, arbitrary: fc.constant('application/json') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'application/json; charset=utf-16',
      'APPLICATION/JSON',
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'application/json, text/html',
      ';',
      'a/b',
    ),
  },
);
const headerText = fc.string({
  unit: fc
    .integer({ min: 0x20, max: 0xff })
    .filter((code) => code !== 0x7f)
    .map((code) => String.fromCharCode(code)),
  maxLength: 200,
});
const headers = fc.dictionary(
  fc.constantFrom(
    'Prefer',
    'X-Request-Id',
    'Accept',
    'Accept-Encoding',
    'If-Match',
    'Content-Encoding',
    'X-Forwarded-For',
    'Forwarded',
    'Cookie',
    'Origin',
    'Range',
    'X-HTTP-Method-Override',
  ),
  fc.oneof(headerText, fc.constantFrom('return=representation', 'gzip', '*', 'W/"', 'bytes=0-')),
  { maxKeys: 3 },
);
const query = fc.oneof(
  fc.constant([]),
  fc.constant([['mode', 'partial']]),
  fc.array(
    fc.tuple(
      fc.oneof(fc.constantFrom('limit', 'offset', 'cursor', 'mode', 'dryRun', 'filter[name][eq]', 'sort'), text),
      fc.oneof(text, number.map(String), fc.constantFrom('partial', 'atomic', 'true', 'WyIyMDI2LTAxLTAxIiwxXQ')),
    ),
    { maxLength: 3 },
  ),
);
const encoded = (given: string): string => encodeURIComponent(given.toWellFormed());
const segment = fc.oneof(
  { weight: 3, arbitrary: text.map((id) => encoded(id) || '%20') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '%',
      '%zz',
      '%C0%80',
      '%ED%A0%80',
      '..',
      '.',
      '%2e%2e%2f',
      'x'.repeat(600),
      'bulk',
      '*',
      ':id',
    ),
  },
  { weight: 2, arbitrary: fc.constant('00000000-0000-7000-8000-000000000000') },
);

const ROUTES: [method: string, route: string][] = [
  ...['GET', 'POST', 'PUT'].map((method): [string, string] => [method, '']),
  ...['GET', 'PATCH', 'DELETE'].map((method): [string, string] => [method, '/:id']),
  ...['POST', 'PUT', 'PATCH', 'POST', 'PUT', 'PATCH'].map((method): [string, string] => [method, '/bulk']),
  ['POST', '/bulk/read'],
  ['POST', '/bulk/delete'],
  ['GET', '/by-identifier/:id'],
];
const route = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...ROUTES) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'PROPFIND'),
      fc.constantFrom(...ROUTES.map(([, path]) => path)),
    ),
  },
);

const requests: fc.Arbitrary<Request> = fc
  .tuple(fc.constantFrom(...MODELS.map(({ path }) => path)), route)
  .chain(([model, [method, route]]) => {
    const isOne = !route.startsWith('/bulk');
    const realId = fc.nat().map((n) => idsOf.get(model)![n % REAL]);
    const make = (n: number) => ({
      ...makers.get(model)!(),
      ...(method === 'PATCH' && !isOne && { id: idsOf.get(model)![n] }),
    });
    const spoilt = records(make).map((items) => json(isOne ? items[0] : items));
    const ids = fc
      .dictionary(fc.constantFrom('ids', 'ids', 'all'), fc.oneof(value, fc.array(fc.oneof(value, realId))))
      .map(json);
    return fc.record({
      method: fc.constant(method),
      path: fc.tuple(fc.oneof(segment, realId), query).map(([id, pairs]) => {
        const search = pairs.map(([name, given]) => `${encoded(name)}=${encoded(given)}`).join('&');
        return `${model}${route.replace(':id', id)}${search && `?${search}`}`;
      }),
      headers: fc.tuple(headers, type).map(([others, contentType]) => ({ ...others, 'Content-Type': contentType })),
      body: fc
        .oneof(
          { weight: 6, arbitrary: route.startsWith('/bulk/') ? ids : spoilt },
          { weight: 2, arbitrary: value.map(json) },
          { weight: 1, arbitrary: raw },
        )
        .map((given) => Buffer.from(given as string)),
    });
  });

it('answers whatever it is sent: never a 5xx, never a hang, and every error as a problem', async () => {
  await fc.assert(fc.asyncProperty(requests, survives), { numRuns: RUNS });
  expect(({} as Values).polluted).toBeUndefined();
  await api.http.get(MODELS[0].path).expect(200);
});

it('answers raw bytes, or hangs up on them, and goes on serving', async () => {
  const { hostname, port } = new URL(api.url);
  const exchange = (bytes: Uint8Array): Promise<string> =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const socket = connect(Number(port), hostname, () => socket.end(bytes));
      socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)));
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
      socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve('') : reject(error)));
    });
  const line = fc
    .tuple(
      fc.constantFrom('GET', 'POST', 'gEt', 'BREW'),
      fc.constantFrom(MODELS[0].path, '*', 'http://x/', '//', '/\xff'),
    )
    .map((parts) => `${parts.join(' ')} HTTP/1.1\r\n`);
  const header = fc.constantFrom(
    'Host: x',
    'Host:',
    'Content-Length: -1',
    'Content-Length: 5',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: gzip',
    'Expect: 100-continue',
    'Expect: the moon',
    'Upgrade: websocket\r\nConnection: Upgrade',
    'Content-Type: application/json',
    `X: ${'x'.repeat(20_000)}`,
    'no colon',
    '\0: \0',
  );
  const message = fc
    .tuple(line, fc.array(header, { maxLength: 4 }), fc.string({ unit: 'binary', maxLength: 30 }))
    .map(([first, headers, body]) =>
      Buffer.from(`${first}${headers.map((each) => `${each}\r\n`).join('')}\r\n${body}`, 'latin1'),
    );

  await fc.assert(
    fc.asyncProperty(fc.oneof(message, fc.uint8Array()), async (bytes) => {
      const answer = await exchange(bytes);
      const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(answer) ?? [];
      expect({ status: Number(status ?? 0) < 500, answer }).toEqual({ status: true, answer });
      if (Number(status) >= 400) expect(answer).toMatch(/^content-type: application\/problem\+json/im);
    }),
    { numRuns: RUNS / 10 },
  );
  await api.http.get(MODELS[0].path).expect(200);
});
