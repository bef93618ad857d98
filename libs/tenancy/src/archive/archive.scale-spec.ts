import { provisionTenant } from '../provisioning';
import { admin, database, FIRST, SECOND, usePremises, write } from '../test/premises';
import { exportTenant } from './export-tenant';
import { importTenant } from './import-tenant';

const MIB = 1_048_576;
const ROWS = 1_000_000;

usePremises(() => {
  write(FIRST, 'CREATE TABLE thing (id int PRIMARY KEY, text text, at timestamptz)');
  write(SECOND, 'CREATE TABLE other (id int)');
});

describe('exportTenant and importTenant, with a million rows', () => {
  it('take a memory that does not grow with them', async () => {
    await provisionTenant(database, 'large');
    await admin.query(
      `INSERT INTO ${database.names.tenantSchema('large')}.thing SELECT n, repeat('text ', 30) || n, now() FROM generate_series(1, ${ROWS}) n`,
    );
    let bytes = 0;
    let most = 0;
    const before = process.memoryUsage.rss();
    async function* counted(stream: AsyncIterable<Buffer>) {
      for await (const chunk of stream) {
        bytes += chunk.length;
        most = Math.max(most, process.memoryUsage.rss() - before);
        yield chunk;
      }
    }
    const started = performance.now();
    await importTenant(database, 'copy', counted(await exportTenant(database, 'large')));
    const seconds = (performance.now() - started) / 1_000;
    process.stdout.write(
      `${Math.round(bytes / MIB)} MiB exported and imported in ${seconds.toFixed(1)} s, growing by ${Math.round(most / MIB)} MiB\n`,
    );
    const { rows } = await admin.query(
      `SELECT count(*)::int AS n, sum(id)::text AS sum FROM ${database.names.tenantSchema('copy')}.thing`,
    );
    expect(rows).toEqual([{ n: ROWS, sum: String((ROWS * (ROWS + 1)) / 2) }]);
    expect(most / MIB).toBeLessThan(200); // a garbage collector's idea of constant; the archive has more
    expect(bytes / MIB).toBeGreaterThan(200);
  }, 300_000);
});
