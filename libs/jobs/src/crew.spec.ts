import { until } from '@app/testing';
import { Crew, Effect, expectEachOnce, expectEachOnceThoughPostgresDies, unfinished } from './test/crew';
import { Jobs } from './jobs.service';
import { Works } from './test/works';

it('three workers, of whom one is killed, do each of 1,000 jobs once', async () => {
  await expectEachOnce({ workers: 3, jobs: 1_000, disturb: (crew) => crew.kill(1) });
}, 300_000);

it('three workers do each of 1,000 jobs once, though Postgres is killed meanwhile and started again', async () => {
  await expectEachOnceThoughPostgresDies(1_000);
}, 300_000);

it('a tenant with 2,000 jobs keeps the job of another waiting for a tenth of them at most', async () => {
  const works = await Works.open([Effect]);
  const crew = new Crew(works);
  try {
    const api = await works.start(false);
    const jobs = api.get(Jobs, { strict: false });
    const many = Array.from({ length: 2_000 }, (_effect, n) => ({ what: String(n) }));
    await works.inTenant(api, 'one', () => jobs.enqueueMany(Effect, many));
    await crew.hire(2);
    await until(async () => (await unfinished(works)) <= 1_900);
    for (let n = 0; n < 5; n++) {
      const id = await works.inTenant(api, 'two', () => jobs.enqueue(Effect, { what: `${n}` }));
      expect(await doneBefore(works, id)).toBeLessThanOrEqual(200);
    }
    expect(await unfinished(works)).toBeGreaterThan(0); // they did have to share
  } finally {
    await crew.dismiss();
    await works.close();
  }
}, 300_000);

/** Waits until a job is done, and counts those of other tenants that were done since it was left. */
async function doneBefore(works: Works, id: string): Promise<number> {
  const table = `${works.database.names.jobs}.job`;
  const isDone = `SELECT FROM ${table} WHERE id = '${id}' AND state = 'completed'`;
  await until(async () => (await works.admin.query(isDone)).rowCount);
  const { rows } = await works.admin.query<{ count: number }>(
    `SELECT count(*)::int FROM ${table} AS other, ${table} AS job WHERE job.id = '${id}' AND other.group_id <> job.group_id
        AND other.completed_on BETWEEN job.created_on AND job.completed_on`,
  );
  return rows[0].count;
}
