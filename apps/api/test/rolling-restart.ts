import { withAdmin } from '@app/database';
import { aBook, aCritic, aReview } from '@app/domain';
import { AppProcess, startApi, TestApi, until } from '@app/testing';
import { Balancer } from './balancer';

const REPLICAS = 3;
const CLIENTS = 4;

/** What clients have seen. */
interface Seen {
  failures: string[];
  /** The rating that the one review of a book gave it, by the id of the book. */
  ratings: Map<string, number>;
}

/** Replaces each of three APIs, `rounds` times, while clients write. Expects no request to fail and no job to be lost. */
export async function expectNothingLost(rounds: number): Promise<void> {
  const api = await startApi();
  const balancer = await Balancer.start();
  const running = new Set<AppProcess>();
  const start = async (app: 'api' | 'worker'): Promise<{ process: AppProcess; url: string }> => {
    const [DATABASE_URL, SCHEMA_PREFIX] = [api.adminUrl, api.prefix];
    const env = { DATABASE_URL, SCHEMA_PREFIX, DATABASE_POOL_SIZE: '4', SHUTDOWN_DELAY_SECONDS: '3' };
    const process = AppProcess.start(app, env);
    running.add(process);
    return { process, url: await process.url() };
  };
  try {
    await start('worker');
    const replicas = await Promise.all(Array.from({ length: REPLICAS }, () => start('api')));
    for (const { url } of replicas) await balancer.admit(url);

    const seen: Seen = { failures: [], ratings: new Map() };
    const load = { goesOn: true };
    const clients = Array.from({ length: CLIENTS }, () =>
      writeTo(balancer.url, api.authorization, load, seen).catch((error: Error) => seen.failures.push(error.message)),
    );
    for (let n = 0; n < rounds * REPLICAS; n++) {
      const [before, { process, url }] = [seen.ratings.size, replicas.shift()!];
      replicas.push(await start('api'));
      await balancer.admit(replicas.at(-1)!.url);
      expect(await process.kill('SIGTERM')).toBe(0);
      running.delete(process);
      balancer.dismiss(url);
      expect(seen.ratings.size).toBeGreaterThan(before);
    }
    load.goesOn = false;
    await Promise.all(clients);

    expect(seen.failures).toEqual([]);
    await noJobIsLeft(api);
    expect(await ratingsOf(api)).toEqual(seen.ratings);
  } finally {
    await balancer.stop();
    for (const process of running) await process.kill('SIGKILL');
    await api.close();
  }
}

/** Makes books, a review of each, and looks at them, one after another. */
async function writeTo(url: string, authorization: string, load: { goesOn: boolean }, seen: Seen): Promise<void> {
  const call = async (path: string, body?: object): Promise<{ id: string }> => {
    const response = await fetch(`${url}/api/v1/${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as { id: string };
  };
  const { id: criticId } = await call('critics', aCritic());
  for (let n = 0; load.goesOn; n++) {
    const rating = (n % 5) + 1;
    const { id: bookId } = await call('books', aBook());
    await call('reviews', aReview({ bookId, criticId, rating }));
    seen.ratings.set(bookId, rating);
    await call(`books/${bookId}`);
  }
}

const noJobIsLeft = ({ adminUrl, prefix }: TestApi): Promise<void> =>
  withAdmin(adminUrl, async (client) => {
    const text = `SELECT FROM ${prefix}jobs.job WHERE name LIKE 'reviews.%' AND state <> 'completed'`;
    await until(async () => !(await client.query(text)).rowCount);
  });

const ratingsOf = ({ adminUrl, prefix }: TestApi): Promise<Seen['ratings']> =>
  withAdmin(adminUrl, async (client) => {
    const { rows } = await client.query<{ id: string; rating: number }>(
      `SELECT id, average_rating AS rating FROM ${prefix}t_demo.book WHERE average_rating IS NOT NULL`,
    );
    return new Map(rows.map(({ id, rating }) => [id, rating]));
  });
