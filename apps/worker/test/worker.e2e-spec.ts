import { Client } from 'pg';
import { aBook, aCritic } from '@app/domain';
import { PgBoss } from 'pg-boss';
import { AppProcess, startApi, TestApi, until } from '@app/testing';

let api: TestApi;
let admin: Client;
let holder: Client; // of locks; what others do it cannot see, once its transaction has looked
const running: AppProcess[] = [];
beforeAll(async () => {
  api = await startApi();
  [admin, holder] = [0, 1].map(() => new Client({ connectionString: api.adminUrl }));
  await Promise.all([admin.connect(), holder.connect()]);
});
afterEach(async () => {
  await holder.query('ROLLBACK');
  for (const app of running.splice(0)) await app.kill('SIGKILL');
});
afterAll(async () => {
  await Promise.all([admin.end(), holder.end()]);
  await api.close();
});

const start = (app: 'api' | 'worker', env: NodeJS.ProcessEnv = {}): AppProcess => {
  const started = AppProcess.start(app, { DATABASE_URL: api.adminUrl, SCHEMA_PREFIX: api.prefix, ...env });
  running.push(started);
  return started;
};
const create = async (path: string, values: object): Promise<string> =>
  (await api.http.post(`/api/v1/${path}`).send(values).expect(201)).body.id;
/** A review of a book, and the job that rates the book. */
const aReviewedBook = async (): Promise<string> => {
  const [bookId, criticId] = [await create('books', aBook()), await create('critics', aCritic())];
  await create('reviews', { bookId, criticId, rating: 4, title: 'T' });
  return bookId;
};
const isRated = async (id: string): Promise<void> => {
  await until(async () => (await api.http.get(`/api/v1/books/${id}`).expect(200)).body.averageRating === 4);
};
/** Keeps the job of a book from getting on, until the transaction ends. */
const hold = async (id: string): Promise<void> => {
  await holder.query('BEGIN');
  await holder.query(`SELECT FROM ${api.prefix}t_demo.book WHERE id = $1 FOR UPDATE`, [id]);
};
const stateIs = async (wanted: string): Promise<void> => {
  const text = `SELECT state FROM ${api.prefix}jobs.job WHERE name LIKE 'reviews.%' ORDER BY created_on DESC LIMIT 1`;
  await until(async () => (await admin.query<{ state: string }>(text)).rows[0]?.state === wanted);
};
const waits = async (): Promise<void> => {
  const text = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = '${api.prefix}app'`;
  await until(async () => (await admin.query(text)).rowCount);
};

it('says that it lives and works, and serves nothing else', async () => {
  const url = await start('worker').url();
  for (const [path, status] of [
    ['/health/live', 200],
    ['/health/ready', 200],
    ['/api/v1/books', 404],
    ['/', 404],
  ] as const) {
    expect([path, (await fetch(`${url}${path}`)).status]).toEqual([path, status]);
  }
});

it('writes the id of the request into the lines of its job', async () => {
  const worker = start('worker');
  const [bookId, criticId] = [await create('books', aBook()), await create('critics', aCritic())];
  const requestId = 'a-request-to-be-followed';
  await api.http
    .post('/api/v1/reviews')
    .set('X-Request-Id', requestId)
    .send({ bookId, criticId, rating: 4, title: 'T' });
  expect(
    JSON.parse(await worker.line(/job done.*a-request-to-be-followed|a-request-to-be-followed.*job done/)),
  ).toMatchObject({
    level: 'info',
    requestId,
    details: [{ job: 'reviews.refresh-book-rating', attempt: 1, tenantId: expect.any(String), ms: expect.any(Number) }],
  });
});

it('does what an API left that was killed after its answer', async () => {
  const doomed = start('api');
  const url = await doomed.url();
  const [bookId, criticId] = [await create('books', aBook()), await create('critics', aCritic())];
  const { status } = await fetch(`${url}/api/v1/reviews`, {
    method: 'POST',
    headers: { authorization: api.authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ bookId, criticId, rating: 4, title: 'T' }),
  });
  expect([status, await doomed.kill('SIGKILL')]).toEqual([201, 'SIGKILL']);
  start('worker');
  await isRated(bookId);
});

describe('SIGTERM', () => {
  it('lets it finish what runs, while it says that it stops, and ends with 0', async () => {
    const id = await aReviewedBook();
    await hold(id);
    const worker = start('worker', { SHUTDOWN_GRACE_SECONDS: '60' });
    const url = await worker.url();
    await waits();
    const ended = worker.kill('SIGTERM');
    let answer: Response;
    do answer = await fetch(`${url}/health/ready`);
    while (answer.ok);
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { status: 'not ready', detail: 'This worker is stopping.' },
    ]);
    await holder.query('COMMIT');
    expect(await ended).toBe(0);
    await stateIs('completed');
    await isRated(id);
  });

  it('makes it give back what is not finished within the grace, for another to do', async () => {
    const id = await aReviewedBook();
    await hold(id);
    const worker = start('worker', { SHUTDOWN_GRACE_SECONDS: '1' });
    await worker.url();
    await waits();
    expect(await worker.kill('SIGTERM')).toBe(0);
    await stateIs('retry');
    await holder.query('COMMIT');
    start('worker');
    await isRated(id);
  });
});

it('takes over what a worker did that was killed', async () => {
  const id = await aReviewedBook();
  await hold(id);
  const doomed = start('worker');
  await waits();
  await doomed.kill('SIGKILL');
  await stateIs('active');
  await holder.query('COMMIT');
  const heir = start('worker');
  await heir.url();
  await aMinutePasses();
  await isRated(id);
});

it('works on when all its connections are cut', async () => {
  const worker = start('worker');
  await worker.url();
  const { rowCount } = await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE usename = '${api.prefix}app' AND application_name = 'starter jobs'`,
  );
  expect(rowCount).toBeGreaterThan(1);
  await isRated(await aReviewedBook());
  expect((await fetch(`${await worker.url()}/health/ready`)).status).toBe(200);
});

/** Moves the last sign of life of all workers a minute back, and has it looked at. */
async function aMinutePasses(): Promise<void> {
  const schema = `${api.prefix}jobs`;
  await admin.query(
    `UPDATE ${schema}.job SET heartbeat_on = heartbeat_on - interval '1 minute' WHERE state = 'active'`,
  );
  await admin.query(`UPDATE ${schema}.queue SET monitor_on = monitor_on - interval '2 minutes'`);
  const boss = new PgBoss({
    connectionString: api.adminUrl,
    schema,
    migrate: false,
    supervise: false,
    schedule: false,
  });
  await boss.start();
  await boss.supervise('reviews.refresh-book-rating');
  await boss.stop();
}
