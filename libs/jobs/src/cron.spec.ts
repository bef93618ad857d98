import { currentUnit } from '@app/database';
import { Job, JobHandler, jobOf } from './job.decorator';
import { Jobs } from './jobs.service';
import { Works } from './test/works';

@Job('test.every-minute', { withoutTenant: true, cron: '* * * * *' })
class EveryMinute implements JobHandler {
  async run(): Promise<void> {}
}

@Job('test.each-tenant', { cron: '* * * * *' })
class EachTenant implements JobHandler {
  async run(): Promise<void> {
    await currentUnit().manager.query(`INSERT INTO effect VALUES (current_setting('app.actor'))`);
  }
}

let works: Works;
beforeAll(async () => {
  works = await Works.open([EveryMinute, EachTenant]);
});
afterAll(() => works.close());

const ask = async (text: string): Promise<any[]> =>
  (await works.admin.query(text.replaceAll('JOBS', works.database.names.jobs))).rows;

it('asks for a job once at its time, whatever the number of workers, and does it for each tenant, in its own name', async () => {
  const workers = [await works.start(true), await works.start(true), await works.start(true)];
  const fired =
    (name: string, all = false) =>
    (jobs: { name: string; data: { tenantId: string | null } }[]) =>
      jobs.filter((job) => job.name === name && (all || !job.data.tenantId)).length;
  await works.until((jobs) => fired('test.every-minute')(jobs) > 0 && fired('test.each-tenant')(jobs) > 0);
  // The clock is looked at every half minute, by one worker: wait until another looked at the same minute.
  const [{ looked }] = await ask('SELECT cron_on AS looked FROM JOBS.version');
  while (
    !(await ask(`SELECT FROM JOBS.version WHERE cron_on > '${looked.toISOString()}'::timestamptz + interval '1 s'`))
      .length
  );
  await works.until((jobs) => jobs.every(({ state }) => state === 'completed'));

  const perMinute = await ask(
    `SELECT name, count(*)::int, count(DISTINCT date_trunc('minute', created_on))::int AS minutes
       FROM JOBS.job WHERE name LIKE 'test.%' AND data->>'tenantId' IS NULL GROUP BY name`,
  );
  expect(perMinute).toHaveLength(2);
  for (const { count, minutes } of perMinute) expect(count).toBe(minutes);
  const [{ minutes }] = perMinute.filter(({ name }) => name === 'test.each-tenant');
  for (const name of ['one', 'two'])
    expect(await works.effects(name)).toEqual(Array.from({ length: minutes }, () => 'job:test.each-tenant'));
  for (const worker of workers) await worker.close();
}, 300_000);

it('forgets the times of jobs that no longer say any', async () => {
  await works.start(true);
  expect((await ask('SELECT name FROM JOBS.schedule ORDER BY name')).map(({ name }) => name)).toEqual([
    'test.each-tenant',
    'test.every-minute',
  ]);
  delete jobOf(EveryMinute)!.cron;
  const later = await works.start(true);
  expect(await ask('SELECT name FROM JOBS.schedule')).toEqual([{ name: 'test.each-tenant' }]);
  expect(await later.get(Jobs, { strict: false }).obstacle()).toBeUndefined();
});
