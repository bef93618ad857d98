import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aBook, aCritic } from '@app/domain';
import { AppProcess, startApi, TestApi } from '@app/testing';
import { Collector, SentSpan } from './collector';

let api: TestApi; // whose database the processes use; it traces nothing itself
const running: AppProcess[] = [];
beforeAll(async () => (api = await startApi()));
afterEach(async () => {
  for (const app of running.splice(0)) await app.kill('SIGTERM');
});
afterAll(() => api.close());

const start = (app: 'api' | 'worker', env: NodeJS.ProcessEnv, cwd?: string): AppProcess => {
  const started = AppProcess.start(app, { DATABASE_URL: api.adminUrl, SCHEMA_PREFIX: api.prefix, ...env }, cwd);
  running.push(started);
  return started;
};
const call = async (url: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<any> => {
  const response = await fetch(`${url}/api/v1/${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: api.authorization, 'content-type': 'application/json', ...headers },
    body: body && JSON.stringify(body),
  });
  expect(response.ok).toBe(true);
  return response.json();
};
/** Leaves a job: the one that rates the book of a new review. */
const review = async (url: string, headers?: Record<string, string>): Promise<void> => {
  const { id: bookId } = await call(url, 'books', aBook());
  const { id: criticId } = await call(url, 'critics', aCritic());
  await call(url, 'reviews', { bookId, criticId, rating: 4, title: 'T' }, headers);
};

describe('OTEL_EXPORTER_OTLP_ENDPOINT', () => {
  let collector: Collector;
  beforeAll(async () => (collector = await Collector.start()));
  afterAll(() => collector.stop());

  it('has one trace go from the request over its statements to the job and its statements', async () => {
    const [server, worker] = [start('api', collector.env), start('worker', collector.env)];
    const traceId = 'a'.repeat(32);
    await review(await server.url(), { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` });

    const mine = (span: SentSpan) => span.traceId === traceId;
    const job = await collector.span((span) => mine(span) && span.name === 'job reviews.refresh-book-rating');
    const request = await collector.span((span) => mine(span) && span.name === 'POST /api/v1/reviews');
    expect(request).toMatchObject({ app: 'starter-api', parentSpanId: 'b'.repeat(16) });
    expect(request.attributes).toMatchObject({ 'http.route': '/api/v1/reviews', 'tenant.id': expect.any(String) });
    expect(job).toMatchObject({ app: 'starter-worker', attributes: { 'job.name': 'reviews.refresh-book-rating' } });

    const statement = (app: string, text: string) =>
      collector.span(
        (span) => mine(span) && span.app === app && String(span.attributes['db.query.text']).includes(text),
      );
    const insert = await statement('starter-api', 'INSERT INTO "review_versions"');
    const left = await statement('starter-api', `INSERT INTO ${api.prefix}jobs.job_common`);
    const update = await statement('starter-worker', 'UPDATE book SET average_rating');
    expect([insert, left, update].map(({ parentSpanId }) => parentSpanId)).not.toContain(undefined);
    expect(JSON.stringify(collector.spans)).not.toContain(api.authorization);

    expect(await server.line(new RegExp(`"traceId":"${traceId}"`))).toContain('/api/v1/reviews');
    expect(await worker.line(new RegExp(`"traceId":"${traceId}"`))).toContain('reviews.refresh-book-rating');
  });

  it('traces a record that is read, by its route and in one statement; nothing of health checks', async () => {
    const url = await start('api', collector.env).url();
    const { id } = await call(url, 'books', aBook());
    collector.spans.length = 0;
    await fetch(`${url}/health/ready`);
    await call(url, `books/${id}`);
    const { traceId } = await collector.span(({ name }) => name === 'GET /api/v1/books/:id');
    const statements = () =>
      collector.spans.filter((span) => span.traceId === traceId && 'db.query.text' in span.attributes);
    await collector.span(
      (span) => statements().includes(span) && String(span.attributes['db.query.text']).includes('"book"'),
    );
    expect(collector.spans.filter(({ name }) => name.includes('health'))).toEqual([]);
  });

  it('sends what is left, metrics too, when the process ends', async () => {
    const server = start('api', {
      ...collector.env,
      OTEL_BSP_SCHEDULE_DELAY: '600000',
      OTEL_METRIC_EXPORT_INTERVAL: '600000',
    });
    const url = await server.url();
    collector.spans.length = 0;
    const metrics = collector.requests.get('/v1/metrics') ?? 0;
    await call(url, 'critics?limit=1');
    expect(collector.spans).toEqual([]);
    expect(await server.kill('SIGTERM')).toBe(0);
    expect(collector.spans).toContainEqual(expect.objectContaining({ name: 'GET /api/v1/critics' }));
    expect(collector.requests.get('/v1/metrics')).toBeGreaterThan(metrics);
  });

  it('may stand in .env as well', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'telemetry-'));
    const { OTEL_EXPORTER_OTLP_ENDPOINT, ...others } = collector.env;
    writeFileSync(join(folder, '.env'), `OTEL_EXPORTER_OTLP_ENDPOINT=${OTEL_EXPORTER_OTLP_ENDPOINT}`);
    const url = await start('api', { ...others, NODE_ENV: 'development' }, folder).url();
    await call(url, 'reviews?limit=1');
    await collector.span(({ name }) => name === 'GET /api/v1/reviews');
    rmSync(folder, { recursive: true });
  });
});

it('serves and ends though no collector answers', async () => {
  const server = start('api', {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    OTEL_EXPORTER_OTLP_TIMEOUT: '500',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  });
  await call(await server.url(), 'books');
  await server.line(/"context":"Telemetry".*ECONNREFUSED|ECONNREFUSED.*"context":"Telemetry"/);
  expect(await server.kill('SIGTERM')).toBe(0);
});

const queriesOfTheDashboard = (): { expr: string }[] => {
  const text = readFileSync(join(__dirname, '../../../docker/observability/starter.json'), 'utf8');
  return (JSON.parse(text) as { panels: { targets: { expr: string }[] }[] }).panels.flatMap(({ targets }) => targets);
};

describe('METRICS_PORT', () => {
  const metricsOf = async (app: AppProcess): Promise<string> => {
    const [url] = /http:[^"]*\/metrics/.exec(await app.line(/Metrics on/))!;
    return (await fetch(url)).text();
  };

  it('serves requests, latency, the pool, jobs and the lag of the event loop of an API', async () => {
    const server = start('api', { METRICS_PORT: '0', WORKER_IN_API: 'true' });
    await review(await server.url());
    await server.line(/job done/);
    const metrics = await metricsOf(server);
    for (const expected of [
      /http_server_request_duration_count\{[^}]*http_route="\/api\/v1\/books"[^}]*\} [1-9]/,
      /http_server_request_duration_bucket\{[^}]*http_response_status_code="201"[^}]*le="0.1"/,
      /database_pool_connections\{state="idle"[^}]*\} [1-9]/,
      /database_pool_waiting(\{[^}]*\})? 0/,
      /jobs_duration_count\{[^}]*job_name="reviews.refresh-book-rating"[^}]*job_status="completed"[^}]*\} 1/,
      /pgboss_queue_jobs\{[^}]*messaging_destination_name="reviews.refresh-book-rating"/,
      /nodejs_eventloop_delay_p99\{?[^}]*\}? \d/,
    ]) {
      expect(metrics).toMatch(expected);
    }
  });

  it('serves all that the dashboard shows', async () => {
    const server = start('api', { METRICS_PORT: '0', WORKER_IN_API: 'true' });
    await review(await server.url());
    await server.line(/job done/);
    const metrics = await metricsOf(server);
    for (const { expr } of queriesOfTheDashboard()) {
      const labels = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => list.split(', '));
      // What comes by OTLP, Prometheus calls by its unit too; and which process it came from, by `job` and `instance`.
      const [, name] = /(\w+?)(_seconds|_bytes)?(_bucket|_count)?[{[)]/.exec(expr.replaceAll(/by \([^)]*\)/g, ''))!;
      const lines = metrics.split('\n').filter((line) => line.startsWith(name));
      const isServed = (label: string) => lines.some((line) => line.includes(`${label}="`));
      expect([expr, lines.length > 0]).toEqual([expr, true]);
      expect([expr, labels.filter((label) => !/^(job|instance)$/.test(label) && !isServed(label))]).toEqual([expr, []]);
    }
  });

  it('serves those of a worker', async () => {
    const worker = start('worker', { METRICS_PORT: '0' });
    await review(api.url);
    await worker.line(/job done/);
    expect(await metricsOf(worker)).toMatch(/jobs_duration_count\{[^}]*job_name="reviews.refresh-book-rating"/);
  });

  it('tells nobody else: the API does not serve it', async () => {
    const url = await start('api', { METRICS_PORT: '0' }).url();
    expect((await fetch(`${url}/metrics`)).status).toBe(404);
  });

  it('stops the start when another program has the port', async () => {
    const { port } = new URL(api.url);
    const server = start('api', { METRICS_PORT: port });
    expect(await server.ended).toBe(1);
    expect(server.lines.join()).toContain(
      `Port ${port} of 127.0.0.1 is taken by another program: end that, or set METRICS_PORT`,
    );
  });
});

describe('without either', () => {
  it.each(['api', 'worker'] as const)('the %s loads nothing of the SDK', async (app) => {
    const loaded = async (env: NodeJS.ProcessEnv): Promise<string[]> => {
      const started = start(app, { NODE_OPTIONS: `--require ${join(__dirname, 'print-loaded.js')}`, ...env });
      await started.url();
      await started.kill('SIGTERM');
      const packages = (await started.line(/^Loaded:/)).split(' ');
      expect(packages).toContain('pg');
      return packages.filter((name) => /^@opentelemetry\/(?!api$)|^require-in-the-middle$/.test(name));
    };
    expect(await loaded({ METRICS_PORT: '0' })).not.toEqual([]);
    expect(await loaded({})).toEqual([]);
  });
});
