import { Logger } from '@nestjs/common';
import * as pg from 'pg';
import { isUnavailable, postgresError } from './database-errors';
import { currentScope, Scope } from './scope';
import { Preparing, TenantQuery } from './tenant-query';

// What Postgres says of a prepared statement that is no longer what it was, and of one that is not its own.
const OUTDATED = ['0A000'];
const MIXED_UP = ['26000', '42P05'];

/**
 * A pool whose transactions begin in the tenant of the running scope: the switch of schema and role travels in the same
 * message as START TRANSACTION, costs no round trip, and ends with the transaction, so nothing leaks to the next user.
 */
export class TenantPool extends pg.Pool {
  /** False behind a pooler that hands our connections from server to server and leaves the prepared statements behind. */
  private keepsStatements = true;

  constructor(options?: pg.PoolConfig) {
    // oxlint-disable-next-line typescript/no-misused-promises -- pg-pool waits for it; its types do not know
    super({ ...options, onConnect: prepare });
  }

  /** Runs one statement as a transaction of `tenant`, in one round trip; `prepares` if the same text comes again and again. */
  async single(tenant: Scope['tenant'], text: string, values: unknown[], prepares: boolean): Promise<pg.QueryResult> {
    const preparing = !this.keepsStatements ? 'nothing' : prepares ? 'the statement too' : 'the switch';
    const client = await this.connect();
    client.on('error', ignore); // a connection that breaks says so to the statement as well
    try {
      const result = await send(client, tenant, text, values, preparing);
      client.release(client.getTransactionStatus() !== 'I');
      return result;
    } catch (error) {
      const code = postgresError(error)?.code ?? '';
      const isMixedUp = preparing !== 'nothing' && MIXED_UP.includes(code);
      const isOutdated = preparing === 'the statement too' && OUTDATED.includes(code);
      client.release(isMixedUp || isOutdated || !code || isUnavailable(error));
      if (!isMixedUp && !isOutdated) throw error;
      if (isMixedUp) this.keepNoStatements();
      return this.single(tenant, text, values, false); // it did nothing: what failed was one transaction
    } finally {
      client.off('error', ignore);
    }
  }

  private keepNoStatements(): void {
    if (this.keepsStatements)
      new Logger('TenantPool').warn('Prepared statements get lost on the way to Postgres: doing without.');
    this.keepsStatements = false;
  }
}

const ignore = (): void => undefined;

const send = (client: pg.PoolClient, tenant: Scope['tenant'], text: string, values: unknown[], preparing: Preparing) =>
  new Promise<pg.QueryResult>((resolve, reject) => {
    client.query(
      new TenantQuery(tenant, text, values, preparing, (error, result) => (error ? reject(error) : resolve(result))),
    );
  });

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
