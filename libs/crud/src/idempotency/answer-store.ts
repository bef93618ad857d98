import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { currentScope, currentUnit } from '@app/database';
import { Problem } from '../problem/problem';

/** What a request was answered, and what it had said. */
export interface StoredAnswer {
  requestHash: Buffer;
  status: number;
  headers: Record<string, string>;
  /** JSON; null for an answer without a body. */
  body: string | null;
}

const KEPT_HOURS = 24; // longer than any client goes on retrying
const PATIENCE_MS = 5_000; // to wait for the first of two requests with one key
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [20, 400];
const SWEPT = 10; // expired answers that each new one takes along: more go than come

/**
 * The answers kept in a tenant's schema, by whatever tells one request from any other. They are written in the transaction
 * of what they tell of: there is never one without the other.
 */
export class AnswerStore {
  /** The stored answer of `request`, if any; without one the caller may go on, and others of the same name have to wait. */
  async claim(request: string): Promise<StoredAnswer | undefined> {
    const deadline = Date.now() + PATIENCE_MS;
    for (let pause = FIRST_PAUSE_MS; !(await this.lock(request)); pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      await currentUnit().startOver(); // gives back the connection, which the request waited for may need
      if (Date.now() > deadline) throw stillRunning();
      await wait(pause * (0.5 + Math.random()));
    }
    const [found] = await currentUnit().manager.query(
      `SELECT request_hash AS "requestHash", status, headers, body FROM idempotency_key WHERE id = $1 AND expires_at > now()`,
      [digest(request)],
    );
    return found as StoredAnswer | undefined;
  }

  async keep(request: string, { requestHash, status, headers, body }: StoredAnswer): Promise<void> {
    await currentUnit().manager.query(
      `WITH swept AS (
         DELETE FROM idempotency_key WHERE id IN (
           SELECT id FROM idempotency_key WHERE expires_at <= now() AND id <> $1
            ORDER BY expires_at LIMIT ${SWEPT} FOR UPDATE SKIP LOCKED)
       )
       INSERT INTO idempotency_key AS k (id, request_hash, status, headers, body, expires_at)
       VALUES ($1, $2, $3, $4, $5, now() + interval '${KEPT_HOURS} hours')
       ON CONFLICT (id) DO UPDATE
          SET request_hash = excluded.request_hash, status = excluded.status, headers = excluded.headers,
              body = excluded.body, expires_at = excluded.expires_at`,
      [digest(request), requestHash, status, JSON.stringify(headers), body],
    );
  }

  /** Until the end of the transaction; false when another request of the same name holds it. */
  private async lock(request: string): Promise<boolean> {
    const schema = currentScope()!.tenant.schema; // locks know databases, but no schemas
    const number = digest(`${schema}\0${request}`).readBigInt64BE();
    const [{ mine }] = await currentUnit().manager.query('SELECT pg_try_advisory_xact_lock($1) AS mine', [number]);
    return mine as boolean;
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

function stillRunning(): Problem {
  const problem = new Problem(
    409,
    'still_running',
    'A request with this Idempotency-Key is still running: ask again for its answer.',
  );
  problem.headers['Retry-After'] = '1';
  return problem;
}
