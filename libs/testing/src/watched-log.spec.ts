import { randomBytes, randomUUID } from 'node:crypto';
import { secretsIn } from './watched-log';

const token = randomBytes(32).toString('base64url');
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('the log that is watched', () => {
  it.each([
    ['a JWT', `{"msg":"${part({ alg: 'EdDSA' })}.${part({ sub: 'a' })}.x"}`],
    ['an API key', `{"key":"ak_${randomUUID()}.${token}"}`],
    [
      'the token of a refresh or of a link',
      `{"msg":"To a@example.com: http://127.0.0.1/account#reset=${token}&email=a"}`,
    ],
    ['a password', '{"parameters":["a","correct horse battery"]}'],
    ['the password of a URL', '{"msg":"no answer from postgres://app:s3cret@db:5432/starter"}'],
    ['a private key', '{"kty":"OKP","d":"x"}'],
    ['an Authorization header', '{"authorization":"Basic YTpiY2RlZg=="}'],
    ['a cookie', '{"cookie":"sid=1"}'],
  ])('knows %s', (kind, line) => expect(secretsIn(line)).toContain(kind));

  it('lets pass what is none', () => {
    const line = { level: 'info', requestId: randomUUID(), route: '/api/v1/books/:id', digest: 'a'.repeat(64) };
    expect(secretsIn(`${JSON.stringify(line)} http://127.0.0.1:8000/docs, postgres://db:5432/starter`)).toEqual([]);
  });
});
