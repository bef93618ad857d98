import { generateKeyPairSync, KeyPairKeyObjectResult } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import supertest from 'supertest';
import { DEMO_LOGIN } from '@app/auth';
import { closeApi, openApi, startApi, TestApi, testSettings } from '@app/testing';
import { expectProblem } from './problems';

const BOOKS = '/api/v1/books';

const inPem = ({ privateKey, publicKey }: KeyPairKeyObjectResult) => ({
  privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string,
});
const A_KEY = {
  EdDSA: () => inPem(generateKeyPairSync('ed25519')),
  ES256: () => inPem(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
};

const signIn = async (url: string) =>
  (await supertest(url).post('/api/v1/auth/sign-in').send(DEMO_LOGIN).expect(200)).body as {
    accessToken: string;
    refreshToken: string;
  };
const readBooks = (url: string, token: string) => supertest(url).get(BOOKS).set('Authorization', `Bearer ${token}`);
const keysAt = async (url: string) =>
  (await supertest(url).get('/.well-known/jwks.json').expect(200)).body as JSONWebKeySet;
const kidOf = (token: string) => decodeProtectedHeader(token).kid;

describe.each([
  ['EdDSA', 'ES256'],
  ['ES256', 'EdDSA'],
] as const)('a key of %s, and after it one of %s', (before, after) => {
  const [old, next] = [A_KEY[before](), A_KEY[after]()];
  let first: TestApi;
  let token: string;
  let refreshToken: string;
  const others: NestFastifyApplication[] = [];

  beforeAll(async () => {
    first = await startApi({ JWT_PRIVATE_KEY: old.privateKey });
    ({ accessToken: token, refreshToken } = await signIn(first.url));
  });
  afterAll(async () => {
    for (const api of others) await closeApi(api);
    await first.close();
  });

  /** Another process of the same installation. */
  async function start(env: NodeJS.ProcessEnv): Promise<string> {
    const { app, url } = await openApi(testSettings({ SCHEMA_PREFIX: first.prefix, ...env }));
    others.push(app);
    return url;
  }

  it('signs, and its public half is published, by which anybody can check', async () => {
    const keys = await keysAt(first.url);
    expect(keys.keys).toEqual([expect.objectContaining({ alg: before, use: 'sig', kid: kidOf(token) })]);
    expect(keys.keys[0]).not.toHaveProperty('d');
    const { protectedHeader } = await jwtVerify(token, createLocalJWKSet(keys));
    expect(protectedHeader.alg).toBe(before);
    await readBooks(first.url, token).expect(200);
  });

  it.each(['publicKey', 'privateKey'] as const)(
    'is believed as JWT_PREVIOUS_KEY, given by its %s, while the new one signs',
    async (half) => {
      const url = await start({ JWT_PRIVATE_KEY: next.privateKey, JWT_PREVIOUS_KEY: old[half] });
      await readBooks(url, token).expect(200);

      const { accessToken } = await signIn(url);
      expect(decodeProtectedHeader(accessToken).alg).toBe(after);
      await readBooks(url, accessToken).expect(200);
      const { keys } = await keysAt(url);
      expect(keys.map(({ kid, alg }) => [kid, alg])).toEqual([
        [kidOf(accessToken), after],
        [kidOf(token), before],
      ]);
      for (const key of keys) expect(key).not.toHaveProperty('d');
    },
  );

  it('is believed no more without that, and the session goes on by its refresh token', async () => {
    const url = await start({ JWT_PRIVATE_KEY: next.privateKey });
    expectProblem(await readBooks(url, token), 401, 'invalid_token');
    expect((await keysAt(url)).keys.map(({ kid }) => kid)).not.toContain(kidOf(token));
    const { body } = await supertest(url).post('/api/v1/auth/refresh').send({ refreshToken }).expect(200);
    await readBooks(url, body.accessToken as string).expect(200);
  });

  it('gives way without a gap when every process is told of the new one first', async () => {
    const told = await start({ JWT_PRIVATE_KEY: old.privateKey, JWT_PREVIOUS_KEY: next.publicKey });
    const changed = await start({ JWT_PRIVATE_KEY: next.privateKey, JWT_PREVIOUS_KEY: old.publicKey });
    const [{ accessToken: ofOld }, { accessToken: ofNew }] = [await signIn(told), await signIn(changed)];
    expect(kidOf(ofOld)).not.toBe(kidOf(ofNew));
    for (const url of [told, changed]) {
      await readBooks(url, ofOld).expect(200);
      await readBooks(url, ofNew).expect(200);
    }
    expectProblem(await readBooks(first.url, ofNew), 401, 'invalid_token'); // it was not told
  });
});
