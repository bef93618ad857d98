import { readFileSync } from 'node:fs';
import { startApi, TestApi } from '@app/testing';

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
