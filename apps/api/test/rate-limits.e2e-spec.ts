import { createPrivateKey, randomUUID } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { decodeJwt, decodeProtectedHeader, type JWTHeaderParameters, SignJWT } from 'jose';
import supertest from 'supertest';
import { DEMO_LOGIN, Mailer } from '@app/auth';
import { withAdmin } from '@app/database';
import { closeApi, openApi, startApi, TestApi, testSettings } from '@app/testing';
import { anEmail, aPerson, PASSWORD, Person } from './people';
import { expectProblem } from './problems';

const BOOKS = '/api/v1/books';
const SIGN_IN = '/api/v1/auth/sign-in';

/** Three processes' worth of APIs on one database, with the given limits. */
class Replicas {
  private constructor(
    readonly first: TestApi,
    private readonly others: NestFastifyApplication[],
    readonly urls: string[],
  ) {}

  static async start(env: NodeJS.ProcessEnv): Promise<Replicas> {
    const first = await startApi({ ...env, TRUST_PROXY: 'loopback' });
    const [others, urls]: [NestFastifyApplication[], string[]] = [[], [first.url]];
    for (let n = 0; n < 2; n++) {
      const { app, url } = await openApi(
        testSettings({ SCHEMA_PREFIX: first.prefix, TRUST_PROXY: 'loopback', ...env }),
      );
      others.push(app);
      urls.push(url);
    }
    return new Replicas(first, others, urls);
  }

  async stop(): Promise<void> {
    for (const api of this.others) await closeApi(api);
    await this.first.close();
  }
}

/** Waits for the next minute when this one has less than `seconds` left: limits begin anew with the clock's minute. */
async function roomInTheMinute(seconds: number): Promise<void> {
  while (60_000 - (Date.now() % 60_000) < seconds * 1_000) await new Promise((resolve) => setTimeout(resolve, 100));
}

describe('what strangers may ask of /auth', () => {
  let replicas: Replicas;
  beforeAll(async () => (replicas = await Replicas.start({ RATE_LIMIT_AUTH: '12' })));
  afterAll(() => replicas.stop());
  const refresh = (url: string, from: string) =>
    supertest(url).post('/api/v1/auth/refresh').set('X-Forwarded-For', from).send({ refreshToken: 'x' });

  it('is limited by their address, for all replicas together and to the request', async () => {
    const asked = Array.from({ length: 30 }, (_, n) => refresh(replicas.urls[n % 3], '203.0.113.1'));
    const answers = await Promise.all(asked);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(12);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(18);
    expect((await refresh(replicas.urls[0], '203.0.113.2')).status).toBe(401);
  });

  it('costs no statement any more once their limit is used up', async () => {
    await roomInTheMinute(20);
    const points = () =>
      withAdmin(replicas.first.adminUrl, async (client) => {
        const { rows } = await client.query<{ points: number }>(
          `SELECT points FROM ${replicas.first.prefix}platform.rate_limit WHERE key = 'auth:203.0.113.40'`,
        );
        return rows[0].points;
      });
    const ask = () => refresh(replicas.urls[0], '203.0.113.40');
    for (let n = 0; n < 12; n++) expect((await ask()).status).toBe(401);
    const used = await points();
    for (let n = 0; n < 5; n++) expect((await ask()).status).toBe(429);
    expect(await points()).toBe(used);
  });

  it('is limited by their /64 of IPv6, and by one IPv4 address however it is written', async () => {
    const [url] = replicas.urls;
    const answers = async (from: (n: number) => string) => {
      const asked = Array.from({ length: 14 }, (_, n) => refresh(url, from(n)));
      return (await Promise.all(asked)).map(({ status }) => status).sort();
    };
    const limited = [...Array(12).fill(401), 429, 429];
    expect(await answers((n) => `2001:db8:1:2::${n + 1}`)).toEqual(limited);
    expect(await answers((n) => `2001:db8:2:${n}::1`)).toEqual(Array(14).fill(401));
    expect(await answers((n) => (n % 2 ? '203.0.113.9' : '::ffff:203.0.113.9'))).toEqual(limited);
  });

  it.each([
    ['API keys', '203.0.113.20', () => ({ 'X-Api-Key': `ak_${randomUUID()}.${'x'.repeat(43)}` })],
    ['tokens', '203.0.113.21', () => ({ Authorization: `Bearer ${randomUUID()}` })],
  ])('is limited where they try wrong %s, and who has a right one is let in from there', async (_what, from, wrong) => {
    const read = (n: number, credential: object, address = from) =>
      supertest(replicas.urls[n % 3])
        .get(BOOKS)
        .set('X-Forwarded-For', address)
        .set(credential as Record<string, string>);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => read(n, wrong())));
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(12);
    const [refused, ...more] = answers.filter(({ status }) => status === 429);
    expectProblem(refused, 429, 'too_many_requests');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50);
    expect(more).toHaveLength(7);

    const right = { Authorization: replicas.first.authorization };
    for (let n = 0; n < 3; n++) await read(n, right).expect(200);
    expect((await read(0, wrong(), '203.0.113.22')).status).toBe(401);
    expect((await refresh(replicas.urls[0], from)).status).toBe(401); // which is counted for itself
  });

  it('is not limited by tokens that were theirs once: these are refused, but nobody guesses by them', async () => {
    const { first, urls } = replicas;
    const person = await aPerson(first);
    const token = person.authorization.split(' ')[1];
    const [{ value }] = await withAdmin(first.adminUrl, async (client) => {
      const { rows } = await client.query<{ value: string }>(
        `SELECT value FROM ${first.prefix}platform.key WHERE name = 'jwt'`,
      );
      return rows;
    });
    const expired = await new SignJWT({ ...decodeJwt(token), exp: Math.floor(Date.now() / 1_000) - 1 })
      .setProtectedHeader(decodeProtectedHeader(token) as JWTHeaderParameters)
      .sign(createPrivateKey(value));
    await person.http.post('/api/v1/auth/sign-out').expect(204);
    for (const [of, code] of [
      [expired, 'invalid_token'],
      [token, 'session_over'],
    ]) {
      const read = () =>
        supertest(urls[1]).get(BOOKS).set('X-Forwarded-For', '203.0.113.30').set('Authorization', `Bearer ${of}`);
      for (let n = 0; n < 15; n++) expectProblem(await read(), 401, code);
    }
  });

  it('is told in the headers, and when to come again', async () => {
    const first = await refresh(replicas.urls[0], '203.0.113.3');
    expect(first.headers['ratelimit-policy']).toBe('"auth";q=12;w=60');
    expect(first.headers.ratelimit).toMatch(/^"auth";r=11;t=(60|59)$/);
    expect(first.headers['retry-after']).toBeUndefined();
    for (let n = 0; n < 11; n++) await refresh(replicas.urls[0], '203.0.113.3');
    const refused = await refresh(replicas.urls[0], '203.0.113.3');
    expectProblem(refused, 429, 'too_many_requests');
    expect(refused.headers.ratelimit).toMatch(/^"auth";r=0;t=\d+$/);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50);
  });

  it('may guess a password by a stolen session no more often than by signing in, from however many addresses', async () => {
    const person = await aPerson(replicas.first);
    const guess = (n: number) =>
      supertest(replicas.urls[n % 3])
        .post('/api/v1/auth/password/change')
        .set('X-Forwarded-For', `198.51.100.${n}`)
        .set('Authorization', person.authorization)
        .send({ currentPassword: 'not their password', newPassword: PASSWORD });
    const answers = await Promise.all(Array.from({ length: 105 }, (_, n) => guess(n)));
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(100);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(5);
  });

  it('is not for them to choose: without TRUST_PROXY an X-Forwarded-For changes nothing', async () => {
    const api = await startApi({ RATE_LIMIT_AUTH: '3' }); // its start signs in once
    try {
      const answers = [];
      for (let n = 0; n < 4; n++) answers.push((await refresh(api.url, `203.0.113.${n}`)).status);
      expect(answers).toEqual([401, 401, 429, 429]);
    } finally {
      await api.close();
    }
  });
});

describe('what a login may ask', () => {
  let replicas: Replicas;
  beforeAll(async () => (replicas = await Replicas.start({ RATE_LIMIT_REQUESTS: '30' })));
  afterAll(() => replicas.stop());

  it('is limited by the login, and its replicas tell each other within a second or so', async () => {
    await roomInTheMinute(20);
    const { first, urls } = replicas;
    const read = (url: string) => supertest(url).get(BOOKS).set('Authorization', first.authorization);
    for (let n = 0; n < 20; n++) await read(urls[0]).expect(200);
    const told = await withAdmin(first.adminUrl, async (client) => {
      for (;;) {
        const { rows } = await client.query<{ points: number }>(
          `SELECT points FROM ${first.prefix}platform.rate_limit WHERE key LIKE 'requests login:%'`,
        );
        if (rows.some(({ points }) => points >= 20)) return rows;
      }
    });
    expect(told).toHaveLength(1); // one row for the login and its minute, whoever counts

    let answered = 20;
    for (;;) {
      const { status, headers } = await read(urls[1]);
      if (status === 429) {
        expect(headers['retry-after']).toMatch(/^\d+$/);
        break;
      }
      if (++answered === 50) throw new Error('The second replica has granted a limit of its own.');
      await new Promise((resolve) => setTimeout(resolve, 200)); // five at most before they have told each other
    }
    const other = await aPerson(first);
    await other.http.get(BOOKS).expect(200);
  });

  it('is told in the headers', async () => {
    const person = await aPerson(replicas.first);
    const { headers } = await person.http.get(BOOKS).expect(200);
    expect(headers['ratelimit-policy']).toBe('"requests";q=30;w=60');
    expect(headers.ratelimit).toMatch(/^"requests";r=29;t=\d+$/);
  });
});

describe('mail to one address', () => {
  it('is ten an hour at most, and the answers are the same afterwards', async () => {
    const api = await startApi();
    try {
      const { captured } = api.app.get(Mailer, { strict: false });
      const [known, unknown] = [(await aPerson(api)).email, anEmail()];
      captured.length = 0;
      for (let n = 0; n < 12; n++) {
        await api.anonymous.post('/api/v1/auth/password/forgot').send({ email: known }).expect(202);
        await api.anonymous.post('/api/v1/auth/password/forgot').send({ email: unknown }).expect(202);
      }
      expect(captured.map(({ to }) => to)).toEqual(Array(10).fill(known));
    } finally {
      await api.close();
    }
  });
});

describe('passwords', () => {
  let api: TestApi;
  let owner: Person;
  beforeAll(async () => {
    api = await startApi({ TRUST_PROXY: 'loopback' });
    owner = await aPerson(api);
  });
  afterAll(() => api.close());
  const signIn = (email: string, password: string, from?: string) => {
    const sent = api.anonymous.post(SIGN_IN).send({ email, password });
    return from ? sent.set('X-Forwarded-For', from) : sent;
  };
  const guess = (email: string, from?: string) => signIn(email, 'not the password', from);
  const statuses = (answers: { status: number }[]) => answers.map(({ status }) => status);

  it.each(['known', 'unknown'])(
    'are guessed ten times from one address, also at once: the account is %s',
    async (which) => {
      const email = which === 'known' ? owner.email : anEmail();
      const answers = await Promise.all(Array.from({ length: 25 }, () => guess(email, '198.51.100.1')));
      expect(statuses(answers).sort()).toEqual([...Array(10).fill(401), ...Array(15).fill(429)]);
      expect(statuses([await signIn(email, owner.password, '198.51.100.1')])).toEqual([429]);
      expect(Number((await guess(email, '198.51.100.1')).headers['retry-after'])).toBeGreaterThan(600);
    },
  );

  it('that are right are not counted', async () => {
    for (let n = 0; n < 15; n++) await signIn(owner.email, owner.password, '198.51.100.2').expect(200);
    expect(statuses([await guess(owner.email, '198.51.100.2')])).toEqual([401]);
  });

  it('are guessed a hundred times from all addresses together, and the owner is not locked out by it', async () => {
    const victim = await aPerson(api);
    let answered = 0;
    for (let address = 1; address <= 12; address++) {
      const tries = await Promise.all(Array.from({ length: 10 }, () => guess(victim.email, `192.0.2.${address}`)));
      answered += tries.filter(({ status }) => status === 401).length;
    }
    expect(answered).toBe(100);
    expect(statuses([await signIn(victim.email, victim.password, '192.0.2.99')])).toEqual([429]); // a stranger, even with the password
    await signIn(victim.email, victim.password).expect(200); // from where they have signed in before
    await signIn(victim.email, victim.password, '::ffff:127.0.0.1').expect(200); // the same address
    await signIn(DEMO_LOGIN.email, DEMO_LOGIN.password, '192.0.2.1').expect(200); // others are not touched
  });
});
