import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { variableOf } from './read-settings';
import { Settings } from './settings';

const NO_FILE = 'there is no such file';

/** The sentences a start in `env` is refused with; none when it may go on. */
function problemsOf(env: NodeJS.ProcessEnv, dotenv: string = NO_FILE): string[] {
  try {
    Settings.from(env, dotenv);
    return [];
  } catch (error) {
    return (error as { problems: string[] }).problems;
  }
}

const pemOf = (type: 'ed25519' | 'rsa' | 'ec', half: 'public' | 'private' = 'private'): string => {
  const pair = generateKeyPairSync(
    type as 'ec',
    { namedCurve: 'P-256', modulusLength: 2_048 } as { namedCurve: string },
  );
  return half === 'private'
    ? (pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)
    : (pair.publicKey.export({ type: 'spki', format: 'pem' }) as string);
};
const PRODUCTION = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://books.example.com',
  DATABASE_URL: 'postgres://app:b8f0-32c1-77ae@db:5432/starter',
  CURSOR_SECRET: '0123456789abcdef0123456789abcdef',
  JWT_PRIVATE_KEY: pemOf('ed25519'),
  SMTP_URL: 'smtp://mail.example.com',
  MAIL_FROM: 'books@example.com',
};

describe('the settings without an environment', () => {
  it('are those of a development machine', () => {
    expect(Settings.from({}, NO_FILE)).toMatchObject({
      nodeEnv: 'development',
      port: 8_000,
      host: '127.0.0.1',
      databaseUrl: undefined,
      databasePoolSize: 10,
      migrateOnBoot: true,
      trustProxy: [],
      schemaPrefix: '',
    });
  });

  it('say where the API is reached', () => {
    expect(Settings.from({ PORT: '8123' }, NO_FILE).baseUrl).toBe('http://127.0.0.1:8123');
    expect(Settings.from({ PUBLIC_URL: 'https://api.example.com//' }, NO_FILE).baseUrl).toBe('https://api.example.com');
  });
});

describe('.env.example', () => {
  const text = readFileSync(join(__dirname, '../../../.env.example'), 'utf8');
  const listed = [...text.matchAll(/^# (.+)\n# ([A-Z_]+)=(.*)$/gm)].map(([, sentence, name, value]) => ({
    sentence,
    name,
    value,
  }));

  it('lists every setting and no other, in the order of the class', () => {
    expect(listed.map(({ name }) => name)).toEqual(Object.keys(new Settings()).map(variableOf));
    expect(text.match(/^#? ?[A-Z_]+=/gm)).toHaveLength(listed.length);
  });

  it('gives each the default it has', () => {
    const defaults = Object.values(new Settings()).map((value?: string | number | boolean) => String(value ?? ''));
    expect(listed.map(({ value }) => value)).toEqual(defaults);
  });

  it('says of each what its comment in the class says', () => {
    const source = readFileSync(join(__dirname, 'settings.ts'), 'utf8');
    const comments = [...source.matchAll(/\/\*\* (.+) \*\/\n(?: {2}[^/\n].*\n)*? {2}readonly (\w+)/g)];
    expect(listed.map(({ name, sentence }) => [name, sentence])).toEqual(
      comments.map(([, comment, property]) => [variableOf(property), comment]),
    );
  });

  it('changes nothing when all of it is put into force', () => {
    const env = parseEnv(text.replaceAll(/^# ([A-Z_]+=)/gm, '$1'));
    expect(Object.keys(env)).toHaveLength(listed.length);
    expect(Settings.from(env, NO_FILE)).toEqual(new Settings());
  });
});

describe('a value', () => {
  it('is read as what its setting is: text, number, yes or no, list', () => {
    const env = { HOST: '::1', PORT: '0', MIGRATE_ON_BOOT: 'false', TRUST_PROXY: 'loopback, 10.0.0.0/8' };
    expect(Settings.from(env, NO_FILE)).toMatchObject({
      host: '::1',
      port: 0,
      migrateOnBoot: false,
      trustProxy: ['loopback', '10.0.0.0/8'],
    });
  });

  it('counts as unset when it is empty', () => {
    const empty = Object.fromEntries(Object.keys(new Settings()).map((property) => [variableOf(property), '']));
    expect(Settings.from(empty, NO_FILE)).toEqual(new Settings());
  });

  it.each([
    ['NODE_ENV', 'prod', 'must be one of the following values: development, test, production, but is "prod".'],
    ['PORT', '65536', 'must not be greater than 65535, but is 65536.'],
    ['HOST', 'my host', 'must be an address without spaces, but is "my host".'],
    [
      'TRUST_PROXY',
      'everyone',
      'must be addresses or ranges like 10.0.0.0/8, separated by commas, but is ["everyone"].',
    ],
    ['CORS_ORIGINS', '*', 'must be origins like https://example.com, separated by commas, but is ["*"].'],
    ['DATABASE_POOL_SIZE', '0', 'must not be less than 1, but is 0.'],
    ['MIGRATE_ON_BOOT', 'yes', 'must be a boolean value, but is "yes".'],
    ['TENANT_ROLES', 'true', 'must be one of the following values: on, off, but is "true".'],
    [
      'SCHEMA_PREFIX',
      'Staging-',
      'must be at most 12 lower-case letters, digits and underscores, a letter first, but is "Staging-".',
    ],
    ['MIGRATION_TENANT', 'a b', 'must be at most 40 lower-case letters, digits and underscores, but is "a b".'],
  ])('of %s that is %s is refused in a sentence', (name, value, sentence) => {
    expect(problemsOf({ [name]: value })).toEqual([`${name} ${sentence}`]);
  });

  it.each(['12.5', '1e3', '0x10', 'Infinity', 'NaN', '10 '])('of BULK_MAX_ITEMS that is %j is no number', (text) => {
    expect(problemsOf({ BULK_MAX_ITEMS: text })).toEqual([expect.stringMatching(/^BULK_MAX_ITEMS must .*integer/)]);
  });

  it('that is wrong is named together with all others that are, a sentence each', () => {
    const problems = problemsOf({ PORT: 'eight thousand', LOG_LEVEL: 'loud', REPLICAS: '0', PUBLIC_URL: 'example' });
    expect(problems.map((problem) => problem.split(' ')[0]).sort()).toEqual([
      'LOG_LEVEL',
      'PORT',
      'PUBLIC_URL',
      'REPLICAS',
    ]);
    expect(() => Settings.from({ PORT: 'x', LOG_LEVEL: 'loud' }, NO_FILE)).toThrow(
      /^The settings do not allow a start:\n {2}- [A-Z_]+ .+\.\n {2}- [A-Z_]+ .+\.$/,
    );
  });

  it.each(['DATABASE_URL', 'DATABASE_DIRECT_URL', 'DATABASE_ADMIN_URL', 'PUBLIC_URL'])(
    'of %s is never shown, for it may hold a password',
    (name) => {
      const env = { DATABASE_URL: 'postgres://app:x@db/starter', [name]: 'mysql://root:hunter2@db/starter' };
      const problems = problemsOf(env);
      expect(problems).toEqual([expect.stringMatching(new RegExp(`^${name} must be like .*not shown`))]);
      expect(problems.join()).not.toContain('hunter2');
    },
  );
});

describe('a name', () => {
  it.each([
    ['DATABASE_ULR', 'DATABASE_URL'],
    ['DATABASE_POOLSIZE', 'DATABASE_POOL_SIZE'],
    ['SHUTDOWN_GRACE_SECOND', 'SHUTDOWN_GRACE_SECONDS'],
    ['PORTS', 'PORT'],
  ])('that is nearly one, %s, is refused in the environment too', (name, meant) => {
    expect(problemsOf({ [name]: '1' })).toEqual([
      `${name} in the environment is not a setting: did you mean ${meant}?`,
    ]);
  });

  it.each(['HOME', 'PATH', 'HOSTNAME', 'PWD', 'NODE_OPTIONS', 'NODE_PATH', 'LOGNAME', 'POSTGRES_PASSWORD', 'TZ'])(
    'that has nothing to do with us, %s, is none of our business in the environment',
    (name) => expect(problemsOf({ [name]: '1' })).toEqual([]),
  );
});

describe('the file .env', () => {
  let folder: string;
  let dotenv: string;
  const write = (...lines: string[]) => writeFileSync(dotenv, lines.join('\n'));

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'settings-'));
    dotenv = join(folder, '.env');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([{}, { NODE_ENV: '' }, { NODE_ENV: 'development' }])('is read in development: %j', (env) => {
    write('# mine', 'PORT=8123', 'HOST="::1"');
    expect(Settings.from(env, dotenv)).toMatchObject({ port: 8_123, host: '::1' });
  });

  it('gives way to the environment, unless that is empty', () => {
    write('PORT=8123', 'HOST=::1');
    expect(Settings.from({ PORT: '9000', HOST: '' }, dotenv)).toMatchObject({ port: 9_000, host: '::1' });
  });

  it.each(['test', 'production'])('is not read where NODE_ENV is %s', (NODE_ENV) => {
    write('PORT=8123', 'NO_SUCH_THING=1');
    expect(Settings.from({ ...PRODUCTION, NODE_ENV }, dotenv).port).toBe(8_000);
  });

  it('may hold no name that is not a setting', () => {
    write('NO_SUCH_THING=1', 'LOG_LEVLE=debug');
    expect(problemsOf({}, dotenv).sort()).toEqual([
      'LOG_LEVLE in .env is not a setting: did you mean LOG_LEVEL?',
      'NO_SUCH_THING in .env is not a setting; .env.example lists them all.',
    ]);
  });
});

describe('production', () => {
  const problemsWith = (env: NodeJS.ProcessEnv) => problemsOf({ ...PRODUCTION, ...env });

  it('starts with a database and secrets of its own', () => expect(problemsWith({})).toEqual([]));

  it('lets nobody sign up, unless told to', () => {
    expect(Settings.from(PRODUCTION, NO_FILE).signUpMode).toBe('closed');
    expect(Settings.from({ ...PRODUCTION, SIGN_UP: 'invite' }, NO_FILE).signUpMode).toBe('invite');
    expect(Settings.from({}, NO_FILE).signUpMode).toBe('open');
  });

  it.each([
    ['PUBLIC_URL', 'must be set in production: the links in mails and in answers begin with it, and tokens name it.'],
    ['DATABASE_URL', 'must be set in production: embedded Postgres is for development and tests.'],
    [
      'CURSOR_SECRET',
      'must be set in production, to the same text for all processes: openssl rand -base64 32 prints one.',
    ],
    [
      'JWT_PRIVATE_KEY',
      'must be set in production, to the same key for all processes: openssl genpkey -algorithm ed25519 prints one.',
    ],
    ['SMTP_URL', 'must be set in production: without mail nobody can choose a new password or accept an invitation.'],
    ['MAIL_FROM', 'must be set in production, to an address that your mail server may send from.'],
  ])('does not start without %s', (name, sentence) => {
    expect(problemsWith({ [name]: '' })).toEqual([`${name} ${sentence}`]);
  });

  it('lists all that is missing at once', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toHaveLength(6);
  });

  it.each([
    ['CURSOR_SECRET', 'cursor-secret-for-development-only', 'is an example or a default'],
    ['CURSOR_SECRET', 'a'.repeat(40), 'has fewer than 5 different characters'],
    ['DATABASE_URL', 'postgres://app:app-for-development@db/starter', 'is an example or a default'],
    ['DATABASE_URL', 'postgres://app:postgres@db/starter', 'is an example or a default'],
    ['DATABASE_ADMIN_URL', 'postgres://postgres:Passw0rd@db/starter', 'is an example or a default'],
    ['DATABASE_DIRECT_URL', 'postgres://app:b8-1c@db/starter', 'is shorter than 8 characters'],
  ])('does not start with %s=%s', (name, value, weakness) => {
    expect(problemsWith({ [name]: value })).toEqual([
      `${name} holds a secret that ${weakness}: production needs one that nobody else knows.`,
    ]);
  });

  it('starts where the password is left to a file or a certificate', () => {
    expect(problemsWith({ DATABASE_URL: 'postgres://app@db/starter' })).toEqual([]);
  });

  it('refuses to authenticate cursors with what can be guessed', () => {
    expect(problemsWith({ CURSOR_SECRET: 'short' })[0]).toMatch(/^CURSOR_SECRET must be at least 32 random/);
  });

  it('refuses log lines for people', () => {
    expect(problemsWith({ LOG_FORMAT: 'pretty' })).toEqual([
      'LOG_FORMAT=pretty is for people at a terminal: production writes json.',
    ]);
  });
});

describe('a % in a URL', () => {
  const BESIDE = { DATABASE_URL: 'postgres://app:b8f0-32c1-77ae@db/starter' };

  it.each([
    ['DATABASE_URL', 'postgres://app:b8f0%-32c1@db/starter'],
    ['DATABASE_DIRECT_URL', 'postgres://app:b8f0-32c1%@db/starter'],
    ['DATABASE_ADMIN_URL', 'postgres://ad%min:b8f0-32c1@db/starter'],
    ['SMTP_URL', 'smtp://app:100%sure@mail.example.com'],
  ])('that begins no code stops the start with what to type: %s', (name, value) => {
    const sentence = `${name} holds a % that begins no code such as %40: in a login or password, type %25 for a %.`;
    expect(problemsOf({ ...BESIDE, [name]: value })).toEqual([sentence]);
    expect(problemsOf({ ...PRODUCTION, [name]: value })).toEqual([sentence]);
  });

  it('may be there as %25', () => {
    expect(problemsOf({ ...PRODUCTION, DATABASE_URL: 'postgres://app:b8f0%25-32c1@db/starter' })).toEqual([]);
  });
});

describe('a key that signs tokens', () => {
  it.each(['ed25519', 'ec'] as const)('may be one of %s', (type) => {
    expect(problemsOf({ JWT_PRIVATE_KEY: pemOf(type) })).toEqual([]);
    expect(problemsOf({ JWT_PREVIOUS_KEY: pemOf(type, 'public') })).toEqual([]);
    expect(problemsOf({ JWT_PREVIOUS_KEY: pemOf(type) })).toEqual([]);
  });

  it.each([
    ['of another kind', pemOf('rsa')],
    ['only its public half', pemOf('ed25519', 'public')],
    ['no key at all', 'hunter2'],
  ])('is refused when it is %s, and never shown', (_what, value) => {
    const problems = problemsOf({ JWT_PRIVATE_KEY: value });
    expect(problems).toEqual([
      'JWT_PRIVATE_KEY must be a key of Ed25519 or P-256 as PEM, such as openssl genpkey -algorithm ed25519 prints, but is something else (not shown: it may hold a secret).',
    ]);
  });
});

describe('AUTH_MODE=oidc', () => {
  const oidc = { AUTH_MODE: 'oidc', OIDC_ISSUER: 'https://login.example.com', OIDC_AUDIENCE: 'books' };

  it.each(['OIDC_ISSUER', 'OIDC_AUDIENCE'])('needs %s', (name) => {
    expect(problemsOf({ ...oidc, [name]: '' })).toEqual([
      'AUTH_MODE=oidc needs OIDC_ISSUER and OIDC_AUDIENCE: whose tokens to believe, and which of them are for this API.',
    ]);
  });

  it('needs neither a key nor mail in production: it signs nothing, and writes to nobody', () => {
    expect(problemsOf({ ...PRODUCTION, ...oidc, JWT_PRIVATE_KEY: '', SMTP_URL: '', MAIL_FROM: '' })).toEqual([]);
  });
});

it('has one tenant for all with TENANCY=single, which nobody can sign up to', () => {
  expect(Settings.from({ TENANCY: 'single' }, NO_FILE)).toMatchObject({ hasOneTenant: true, signUpMode: 'invite' });
  expect(problemsOf({ TENANCY: 'single', SIGN_UP: 'open' })).toEqual([
    'SIGN_UP=open gives everyone who signs up a tenant, and TENANCY=single has only one: set SIGN_UP to invite.',
  ]);
});

it('refuses a second way to a database that has no first', () => {
  for (const name of ['DATABASE_DIRECT_URL', 'DATABASE_ADMIN_URL']) {
    expect(problemsOf({ [name]: 'postgres://postgres:x@db/starter' })).toEqual([
      'DATABASE_DIRECT_URL and DATABASE_ADMIN_URL mean nothing without DATABASE_URL: set it too.',
    ]);
  }
});
