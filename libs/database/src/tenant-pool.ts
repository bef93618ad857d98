import * as pg from 'pg';
import { currentScope, Scope } from './scope';

/**
 * A pool whose transactions begin in the tenant of the running scope: the switch of schema and role travels in the same
 * message as START TRANSACTION, costs no round trip, and ends with the transaction, so nothing leaks to the next user.
 */
export class TenantPool extends pg.Pool {
  constructor(options?: pg.PoolConfig) {
    // oxlint-disable-next-line typescript/no-misused-promises -- pg-pool waits for it; its types do not know
    super({ ...options, onConnect: prepare });
  }
}

/** The `pg` module as TypeORM's driver wants it, with our pool in it. */
export const pgWithTenantPool = { ...pg, Pool: TenantPool };

/** Outside a transaction a connection is in no schema, also where nobody has told its login so. */
async function prepare(client: pg.ClientBase): Promise<void> {
  await client.query(`SET search_path TO ''`);
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  client.query = ((text: unknown, ...rest: unknown[]) => {
    if (text === 'COMMIT') return commit(query(text) as Promise<pg.QueryResult>);
    return query(text === 'START TRANSACTION' ? begin(currentScope()) : text, ...rest);
  }) as typeof client.query;
}

/** Postgres rolls back where a statement has failed, and calls that an answer to COMMIT: here it is an error. */
async function commit(answer: Promise<pg.QueryResult>): Promise<pg.QueryResult> {
  const result = await answer;
  if (result.command === 'COMMIT') return result;
  throw new Error(
    'A statement of this transaction failed and its error was caught, so nothing of it is kept: run what may fail in currentUnit().attempt(…).',
  );
}

function begin(scope: Scope | undefined): string {
  if (!scope) return 'START TRANSACTION';
  const { schema, role } = scope.tenant;
  const takeRole = role ? `; SET LOCAL ROLE ${pg.escapeIdentifier(role)}` : '';
  return `START TRANSACTION; SET LOCAL search_path TO ${pg.escapeIdentifier(schema)}${takeRole}`;
}
