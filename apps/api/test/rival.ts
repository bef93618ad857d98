import { Client } from 'pg';
import type { Response } from 'supertest';
import { TestApi, until } from '@app/testing';

/** A transaction beside those of the API, in the same tenant's schema: it holds what it has locked until it ends. */
export interface Rival {
  run(text: string, values?: unknown[]): Promise<any[]>;
  /** Waits until `count` of the API's statements wait for this transaction, or for one another in its queue. */
  blocks(count: number): Promise<void>;
  commit(): Promise<void>;
}

/** Runs `work` beside a rival, which is rolled back in the end unless it was committed. */
export async function withRival<T>({ adminUrl, prefix }: TestApi, work: (rival: Rival) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(`BEGIN; SET LOCAL search_path TO ${prefix}t_demo`);
    const run = async (text: string, values?: unknown[]) => (await client.query(text, values)).rows;
    return await work({
      run,
      blocks: async (count) => void (await until(async () => (await run(BLOCKED)).length >= count)),
      commit: async () => void (await run('COMMIT')),
    });
  } finally {
    await client.end();
  }
}

/** Sends `request` at once; by itself it waits until someone awaits it. */
export const begin = (request: PromiseLike<Response>): Promise<Response> =>
  new Promise((resolve, reject) => void request.then(resolve, reject));

const BLOCKED = `
  WITH RECURSIVE blocked AS (
    SELECT pid FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))
    UNION
    SELECT l.pid FROM pg_locks AS l JOIN blocked AS b ON NOT l.granted AND b.pid = ANY (pg_blocking_pids(l.pid)))
  SELECT pid FROM blocked`;
