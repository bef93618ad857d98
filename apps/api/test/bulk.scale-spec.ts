import { readFile } from 'node:fs/promises';
import { withAdmin } from '@app/database';
import { AppProcess, makeDatabase, openTestDatabase, testSettings, signIn } from '@app/testing';
import { migrationSets } from '../../../ormconfig';

const MANY = 50_000; // what one bulk call takes by default
const MOST_MEMORY = 600 * 1024 * 1024;

describe('50,000 items in one call', () => {
  it('are created, upserted, updated and deleted, in under 600 MB', async () => {
    const server = await openTestDatabase(testSettings(), migrationSets, () => undefined);
    const database = await makeDatabase(server.adminUrl);
    const api = AppProcess.start('api', { DATABASE_URL: database.url, SCHEMA_PREFIX: database.prefix });
    try {
      const origin = await api.url();
      const url = `${origin}/api/v1/books/bulk`;
      const authorization = await signIn(origin);
      const call = async (method: string, path: string, body: unknown) => {
        const answer = await fetch(url + path, {
          method,
          headers: { authorization, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
        expect(answer.status).toBeLessThan(300);
        return (await answer.json()) as { count: number; ids: string[]; results?: { created: boolean }[] };
      };
      const books = Array.from({ length: MANY }, (_, n) => ({
        identifier: `book-${n}`,
        name: `Name ${n}`,
        author: 'A',
        releaseYear: n % 3_000,
      }));

      const created = await call('POST', '', books);
      expect(created.count).toBe(MANY);
      const upserted = await call(
        'PUT',
        '',
        books.map((book, n) => ({ ...book, identifier: `book-${n + MANY / 2}`, name: 'Upserted' })),
      );
      expect(upserted.results!.filter((result) => result.created)).toHaveLength(MANY / 2);
      const updated = await call(
        'PATCH',
        '',
        created.ids.map((id) => ({ id, author: 'B' })),
      );
      expect(updated.ids).toEqual(created.ids);
      expect((await call('POST', '/delete', { ids: created.ids })).count).toBe(MANY);

      const rows = await withAdmin(database.url, (client) =>
        client.query(`SELECT count(*)::int AS n FROM ${database.prefix}t_demo.book`),
      );
      expect(rows.rows[0].n).toBe(MANY / 2);
      expect(await peakMemory(api.pid)).toBeLessThan(MOST_MEMORY);
    } finally {
      await api.kill('SIGTERM');
      await database.drop();
      await server.release();
    }
  }, 120_000);
});

/** The most memory the process ever had, in bytes, as Linux keeps it. */
async function peakMemory(pid: number): Promise<number> {
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kilobytes) * 1024;
}
