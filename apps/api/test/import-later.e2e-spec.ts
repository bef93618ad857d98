import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { ModulesContainer } from '@nestjs/core';
import type { Response } from 'supertest';
import { currentUnit, withAdmin } from '@app/database';
import { aBook, aCritic } from '@app/domain';
import { Hopeless } from '@app/jobs';
import { startApi, TestApi, until } from '@app/testing';
import { books, critics, reviews, Values } from './models';
import { aPerson } from './people';
import { expectProblem } from './problems';
import { withRival } from './rival';

const NDJSON = 'application/x-ndjson';
const ndjson = (values: object[]): string => values.map((value) => JSON.stringify(value)).join('\n');

let api: TestApi;
beforeAll(async () => (api = await startApi({ WORKER_IN_API: 'true' })));
afterAll(() => api.close());

const send = (file: string | Buffer, query: object = {}, path = books.path) =>
  api.http
    .post(`${path}/import`)
    .query({ async: true, ...query })
    .type(NDJSON)
    .send(file);
/** The job of a file that was taken, once it has ended. */
const ended = async ({ headers, status }: Response): Promise<Values> => {
  expect(status).toBe(202);
  return until(async () => {
    const { body } = await api.http.get(headers.location).expect(200);
    return ['done', 'failed'].includes(body.state as string) && body;
  });
};
const rows = (text: string, values?: unknown[]): Promise<any[]> =>
  api.inTenant(() => currentUnit().manager.query(text, values));
const filesLeft = async (): Promise<number> => (await rows('SELECT count(*)::int AS n FROM file_part'))[0].n;
const jobs = (): Promise<{ tries: number }[]> =>
  api.inTenant(() =>
    currentUnit().asApplication(
      `SELECT retry_count AS tries FROM ${api.prefix}jobs.job WHERE name IN ('crud.import', 'dead-letters') ORDER BY created_on`,
      [],
    ),
  );
const namesOf = async (values: Values[]): Promise<string[]> => {
  const identifiers = values.map(({ identifier }) => identifier as string);
  const found = await rows('SELECT name FROM book WHERE identifier = ANY($1) ORDER BY name', [identifiers]);
  return found.map(({ name }) => name as string);
};

describe('POST /import?async=true', () => {
  it('answers before the file is imported, and says where to watch that', async () => {
    const values = [aBook({ name: 'A' }), aBook({ name: 'B' })];
    const taken = await send(ndjson(values));
    expect(taken.status).toBe(202);
    expect(taken.headers.location).toBe(`/api/v1/jobs/${taken.body.id}`);
    const job = {
      id: taken.body.id,
      name: 'crud.import',
      state: 'waiting',
      progress: 0,
      result: null,
      problem: null,
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      startedAt: null,
      finishedAt: null,
    };
    expect(taken.body).toEqual(job);
    expect(await ended(taken)).toEqual({
      ...job,
      state: 'done',
      progress: 1,
      result: { created: 2, updated: 0, unchanged: 0, failed: 0, errors: [] },
      startedAt: expect.any(String),
      finishedAt: expect.any(String),
    });
    expect(await namesOf(values)).toEqual(['A', 'B']);
    expect(await filesLeft()).toBe(0);
  });

  it('takes a file of many parts as it is, by gzip too', async () => {
    const values = Array.from({ length: 6_000 }, (_book, n) => aBook({ name: `Nö. ${n} ${'x'.repeat(150)}` }));
    const { result } = await ended(await send(ndjson(values)));
    expect(result).toMatchObject({ created: 6_000 });
    const again = api.http
      .post(`${books.path}/import?async=true&mode=upsert`)
      .type(NDJSON)
      .set('Content-Encoding', 'gzip');
    expect((await ended(await again.send(gzipSync(ndjson(values))))).result).toMatchObject({ unchanged: 6_000 });
  });

  it('imports as it is told: what is good of a file, if bad lines are to be skipped', async () => {
    const values = [aBook({ name: 'Good' }), { ...aBook(), name: 7 }];
    const { state, result } = await ended(await send(ndjson(values), { onError: 'skip' }));
    expect({ state, result }).toMatchObject({
      state: 'done',
      result: { created: 1, failed: 1, errors: expect.arrayContaining([expect.objectContaining({ line: 2 })]) },
    });
  });

  it('says what is wrong with a file as the request would have, and does not try it again', async () => {
    const values = [aBook({ name: 'Good' }), { ...aBook(), name: 7 }];
    const count = (await jobs()).length;
    const { state, problem, result } = await ended(await send(ndjson(values)));
    expect({ state, result }).toEqual({ state: 'failed', result: null });
    const inTime = await api.http.post(`${books.path}/import`).type(NDJSON).send(ndjson(values)).expect(422);
    const { status, code, detail, errors } = inTime.body;
    expect(problem).toEqual({ status, code, detail, errors });
    expect(await namesOf(values)).toEqual([]);
    expect(await filesLeft()).toBe(0);
    expect((await jobs()).slice(count)).toEqual([{ tries: 0 }]);
  });

  it('finds out in the job that the gzip of a file is broken', async () => {
    const file = gzipSync(ndjson([aBook()])).subarray(0, 40);
    const taken = await send(file).set('Content-Encoding', 'gzip');
    expect((await ended(taken)).problem).toMatchObject({ status: 400, code: 'malformed_gzip' });
  });

  it('reports what a dry run would have done, and keeps nothing of it', async () => {
    const values = [aBook(), aBook()];
    const { state, result } = await ended(await send(ndjson(values), { dryRun: true }));
    expect({ state, result }).toMatchObject({ state: 'done', result: { created: 2 } });
    expect(await namesOf(values)).toEqual([]);
    expect(await filesLeft()).toBe(0);
  });

  it('follows the rules of the model: reviews rate their books', async () => {
    const { body: book } = await api.http.post(books.path).send(aBook()).expect(201);
    const { body: critic } = await api.http.post(critics.path).send(aCritic()).expect(201);
    const review = { bookId: book.id, criticId: critic.id, rating: 2, title: 'T' };
    await ended(await send(ndjson([review]), {}, reviews.path));
    await until(async () => (await api.http.get(`${books.path}/${book.id}`).expect(200)).body.averageRating === 2);
  });

  it('answers a request with the Idempotency-Key of another with its job', async () => {
    const file = ndjson([aBook()]);
    const first = await send(file).set('Idempotency-Key', 'an-import');
    const second = await send(file).set('Idempotency-Key', 'an-import');
    expect(second.status).toBe(202);
    expect([second.headers.location, second.body]).toEqual([first.headers.location, first.body]);
    expect((await ended(first)).state).toBe('done');
  });

  it('refuses at once what is no file, and leaves nothing', async () => {
    const count = (await jobs()).length;
    expectProblem(await send('{}').type('application/json'), 415, 'unsupported_media_type');
    expectProblem(await send('{}').set('Content-Encoding', 'br'), 415, 'unsupported_encoding');
    expect([await filesLeft(), (await jobs()).length]).toEqual([0, count]);
  });

  it('leaves nothing of a file that breaks off', async () => {
    const count = (await jobs()).length;
    const upload = request(`${api.url}${books.path}/import?async=true`, {
      method: 'POST',
      headers: { authorization: api.authorization, 'content-type': NDJSON, 'content-length': 2_000_000 },
    });
    upload.on('error', () => undefined);
    await new Promise<void>((resolve) => upload.write('x'.repeat(1_000_000), () => resolve()));
    while (!(await copies())) ; // prettier-ignore
    upload.destroy();
    while (await copies()) ; // prettier-ignore
    expect([await filesLeft(), (await jobs()).length]).toEqual([0, count]);
  });

  /** How many files are on their way into the database. */
  const copies = async (): Promise<number> => {
    const text = `SELECT FROM pg_stat_activity WHERE usename = '${api.prefix}app' AND state = 'active' AND query LIKE 'COPY file_part%'`;
    return (await withAdmin(api.adminUrl, (client) => client.query(text))).rowCount!;
  };
});

describe('GET /jobs/:id', () => {
  it('says how far an import is while it runs', async () => {
    const values = [aBook({ name: 'Held' })];
    const taken = await withRival(api, async (rival) => {
      await rival.run(
        "INSERT INTO book (id, identifier, name, author, version) VALUES (gen_random_uuid(), $1, 'Rival', 'R', 1)",
        [values[0].identifier],
      );
      const sent = await send(ndjson(values));
      await rival.blocks(1);
      const body = await until(async () => {
        const read = await api.http.get(sent.headers.location).expect(200);
        return read.body.progress === 1 && read.body;
      });
      expect(body).toMatchObject({ state: 'running', result: null, startedAt: expect.any(String), finishedAt: null });
      return sent;
    });
    expect((await ended(taken)).result).toMatchObject({ created: 1 });
  });

  it('knows the jobs of its own tenant only', async () => {
    const taken = await send(ndjson([aBook()]));
    const stranger = await aPerson(api);
    expectProblem(await stranger.http.get(taken.headers.location), 404, 'not_found');
    expectProblem(await api.http.get('/api/v1/jobs/019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77'), 404, 'not_found');
    await api.http.get('/api/v1/jobs/nonsense').expect(400);
    expect((await ended(taken)).state).toBe('done');
  });

  it('says that a job was given up, and not why', async () => {
    const [controller] = [...api.app.get(ModulesContainer).values()]
      .flatMap((module) => [...module.controllers.values()])
      .filter(({ name }) => name === 'BooksController');
    const importFile = jest.spyOn(controller.instance as { importFile(): Promise<never> }, 'importFile');
    importFile.mockRejectedValue(new Hopeless('a secret of ours'));
    const { state, problem, progress } = await ended(await send(ndjson([aBook()])));
    importFile.mockRestore();
    expect({ state, progress, problem }).toEqual({
      state: 'failed',
      progress: 0,
      problem: { status: 500, code: 'failed', detail: 'It failed whenever it was tried, and nothing of it was kept.' },
    });
    expect(await filesLeft()).toBe(1); // for whoever replays the job
  });
});
