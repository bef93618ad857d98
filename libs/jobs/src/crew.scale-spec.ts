import { expectEachOnce } from './test/crew';

it('ten workers, of whom three are killed, do each of 10,000 jobs once; what the clock asks for, one of them does', async () => {
  await expectEachOnce([10, 10_000, 3], async (works) => {
    const { rows } = await works.admin.query<{ count: number; minutes: number }>(
      `SELECT count(*)::int, count(DISTINCT date_trunc('minute', created_on))::int AS minutes
       FROM ${works.database.names.jobs}.job WHERE name = 'test.every-minute'`,
    );
    expect(rows[0].count).toBe(rows[0].minutes);
    expect(rows[0].count).toBeGreaterThan(0);
  });
}, 300_000);
