import { expectEachOnce, expectEachOnceThoughPostgresDies } from './test/crew';
import type { Works } from './test/works';

it('ten workers, of whom three are killed, do each of 10,000 jobs once; what the clock asks for, one of them does', async () => {
  const afterwards = async (works: Works) => {
    const { rows } = await works.admin.query<{ count: number; minutes: number }>(
      `SELECT count(*)::int, count(DISTINCT date_trunc('minute', created_on))::int AS minutes
       FROM ${works.database.names.jobs}.job WHERE name = 'test.every-minute'`,
    );
    expect(rows[0].count).toBe(rows[0].minutes);
    expect(rows[0].count).toBeGreaterThan(0);
  };
  await expectEachOnce({ workers: 10, jobs: 10_000, disturb: (crew) => crew.kill(3), afterwards });
}, 300_000);

it('three workers do each of 10,000 jobs once, though Postgres is killed meanwhile and started again', async () => {
  await expectEachOnceThoughPostgresDies(10_000);
}, 300_000);
