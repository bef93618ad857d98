import { readFileSync } from 'node:fs';
import supertest from 'supertest';
import { makeAdministrator } from '@app/auth';
import { Settings } from '@app/config';
import { DATABASE, Database } from '@app/database';
import { signIn, startApi, TestApi } from '@app/testing';
import { aMember, anEmail, aPerson, PASSWORD, tokenIn } from './people';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
type Operation = { security?: object[] };

/** What anybody may call. Whoever adds a route here opens it to the world. */
const PUBLIC = [
  'get /',
  'get /health/live',
  'get /health/ready',
  'get /.well-known/jwks.json',
  'post /api/v1/auth/sign-up',
  'post /api/v1/auth/verify',
  'post /api/v1/auth/sign-in',
  'post /api/v1/auth/token',
  'post /api/v1/auth/refresh',
  'post /api/v1/auth/password/forgot',
  'post /api/v1/auth/password/reset',
  'post /api/v1/auth/invitations/accept',
];

const { paths } = JSON.parse(readFileSync('openapi.json', 'utf8')) as {
  paths: Record<string, Record<string, Operation>>;
};
const routes = Object.entries(paths).flatMap(([path, operations]) =>
  METHODS.filter((method) => method in operations).map((method) => ({ method, path, ...operations[method] })),
);

describe('every documented route', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.close());

  it.each(routes.filter(({ method, path }) => !PUBLIC.includes(`${method} ${path}`)))(
    'asks who is there: $method $path',
    async ({ method, path, security }) => {
      const url = path.replaceAll(/\{\w+\}/g, '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77');
      const response = await api.anonymous[method](url);
      expect({ status: response.status, code: response.body.code }).toEqual({ status: 401, code: 'unauthenticated' });
      expect(security).toEqual(expect.arrayContaining([{ bearer: [] }, { oauth2: [] }]));
    },
  );

  it('is public only where the list above says so', () => {
    const open = routes.filter(({ security }) => !security).map(({ method, path }) => `${method} ${path}`);
    expect(PUBLIC).toEqual(expect.arrayContaining(open));
  });
});

const PEOPLE = ['viewer', 'editor', 'owner', 'administrator'] as const;
const KEYS = ['a key to read', 'a key to read and write', 'a key to all of books'] as const;
const CALLERS = ['nobody', ...PEOPLE, ...KEYS] as const;
type Caller = (typeof CALLERS)[number];

const RECORDS = String.raw`/api/v1/(?!(?:auth|members|invitations|jobs|audit|erasures|platform)\b)[a-z-]+`; // whatever models there are
const AUTH = '/api/v1/auth';

/** Who is let in where, by method and path: thought out here, and not read from the code that it is held against. */
const RULES: [route: string, callers: readonly Caller[]][] = [
  [String.raw`(get|head) /(docs.*|account.*|health/\w+|\.well-known/.*)?`, CALLERS],
  [`post ${AUTH}/(sign-up|verify|sign-in|token|refresh|password/(forgot|reset)|invitations/accept)`, CALLERS],
  [`(get|head|delete) ${AUTH}/(me|sessions|sessions/:id)`, PEOPLE],
  [`post ${AUTH}/(switch|sign-out|password/change)`, PEOPLE],
  [`(get|head|post|delete) ${AUTH}/api-keys(/:id)?`, ['owner']],
  ['(get|head|post|patch|delete) /api/v1/members(/:id)?', ['owner']],
  ['(get|head) /api/v1/(audit|erasures)', ['owner']],
  [`post ${RECORDS}/:id/erase`, ['owner']],
  ['(get|head|delete) /api/v1/invitations(/:id)?', ['owner']],
  ['(get|head) /api/v1/jobs/:id', ['viewer', 'editor', 'owner', 'a key to read', 'a key to read and write']],
  [String.raw`(get|head|post|patch|delete) /api/v1/platform/.+`, ['administrator']],
  [`(get|head) ${RECORDS}(/.+)?`, ['viewer', 'editor', 'owner', ...KEYS]],
  [`post ${RECORDS}/bulk/read`, ['viewer', 'editor', 'owner', ...KEYS]],
  [`(post|put) ${RECORDS}(/bulk)?`, ['editor', 'owner', 'a key to read and write', 'a key to all of books']],
  [`patch ${RECORDS}/(bulk|:id)`, ['editor', 'owner', 'a key to read and write', 'a key to all of books']],
  [
    `post ${RECORDS}/(import|:id/(restore|revert))`,
    ['editor', 'owner', 'a key to read and write', 'a key to all of books'],
  ],
  [`delete ${RECORDS}(/:id)?`, ['editor', 'owner', 'a key to all of books']],
  [`post ${RECORDS}/bulk/delete`, ['editor', 'owner', 'a key to all of books']],
];
const SIGN_OUT = `post ${AUTH}/sign-out`;

/** Whom the rules let in. */
function lets(caller: Caller, route: string): boolean {
  const [rule, ...others] = RULES.filter(([pattern]) => new RegExp(`^${pattern}$`).test(route));
  if (!rule || others.length) throw new Error(`${rule ? 'Two rules are' : 'No rule is'} about ${route}.`);
  const isOfBooks = !route.includes(' /api/v1/') || /\/api\/v1\/(auth|books)\b/.test(route);
  return rule[1].includes(caller) && (isOfBooks || caller !== 'a key to all of books');
}

/** Every route that the server itself knows, documented or not: `get /api/v1/books/:id`. Signing out comes last. */
function routesOf({ app }: TestApi): string[] {
  const tree = app.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false });
  const path: string[] = [];
  const found = [...tree.matchAll(/^(.*)[├└]── (\S+) \((.+)\)$/gm)].flatMap(([, { length: indent }, part, methods]) => {
    path.splice(indent / 4, Infinity, part);
    return methods.split(', ').map((method) => `${method.toLowerCase()} ${path.join('').replace(/^\/+/, '/')}`);
  });
  return [...found.filter((route) => route !== SIGN_OUT), SIGN_OUT];
}

describe('every route there is', () => {
  let api: TestApi;
  let served: string[];
  const headers = {} as Record<Caller, Record<string, string>>;
  beforeAll(async () => {
    api = await startApi();
    served = routesOf(api);
    const owner = await aPerson(api);
    const [editor, viewer] = [await aMember(api, owner, 'editor'), await aMember(api, owner, 'viewer')];
    const aKey = async (...scopes: string[]) => {
      const { body } = await owner.http.post(`${AUTH}/api-keys`).send({ name: 'K', scopes }).expect(201);
      return { 'X-Api-Key': body.key as string };
    };
    Object.assign(headers, {
      nobody: {},
      viewer: { Authorization: viewer.authorization },
      editor: { Authorization: editor.authorization },
      owner: { Authorization: owner.authorization },
      administrator: { Authorization: await anAdministrator() },
      'a key to read': await aKey('*:read'),
      'a key to read and write': await aKey('*:read', '*:write'),
      'a key to all of books': await aKey('books:read', 'books:write', 'books:delete'),
    } satisfies typeof headers);
  });
  afterAll(() => api.close());

  async function anAdministrator(): Promise<string> {
    const [email, database] = [anEmail(), api.app.get<Database>(DATABASE, { strict: false })];
    const link = await makeAdministrator(database, api.app.get(Settings, { strict: false }), email);
    const reset = { token: tokenIn(link), password: PASSWORD };
    await api.anonymous.post(`${AUTH}/password/reset`).send(reset).expect(204);
    return signIn(api.url, { email, password: PASSWORD });
  }

  it('is among those that are walked', () => {
    const documented = routes.map(({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`);
    expect(served).toEqual(expect.arrayContaining([...documented, 'get /account/script.js']));
  });

  it.each(CALLERS)('lets in %s where it should, and nowhere else', async (caller) => {
    const refused = caller === 'nobody' ? 401 : 403;
    const wrong: string[] = [];
    for (const route of served) {
      const [method, path] = route.split(' ') as ['get', string];
      const url = path.replaceAll(/:\w+/g, '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77').replace('*', 'swagger-ui.css');
      const { status } = await supertest(api.url)[method](url).set(headers[caller]);
      const isRight = lets(caller, route) ? ![401, 403].includes(status) && status < 500 : status === refused;
      if (!isRight) wrong.push(`${route}: ${status}`);
    }
    expect(wrong).toEqual([]);
  });
});
