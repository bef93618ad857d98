import * as pg from 'pg';
import { currentScope, Scope } from './scope';

/**
 * A pool whose transactions begin in the tenant of the running scope: the switch of schema and role travels in the same
 * message as START TRANSACTION, costs no round trip, and ends with the transaction, so nothing leaks to the next user.
 */
export class TenantPool extends pg.Pool {
  constructor(options?: pg.PoolConfig) {
    super(options);
    this.on('connect', switchOnBegin);
  }
}

/** The `pg` module as TypeORM's driver wants it, with our pool in it. */
export const pgWithTenantPool = { ...pg, Pool: TenantPool };

function switchOnBegin(client: pg.PoolClient): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  client.query = ((text: unknown, ...rest: unknown[]) =>
    query(text === 'START TRANSACTION' ? begin(currentScope()) : text, ...rest)) as typeof client.query;
}

function begin(scope: Scope | undefined): string {
  if (!scope) return 'START TRANSACTION';
  const { schema, role } = scope.tenant;
  const takeRole = role ? `; SET LOCAL ROLE ${pg.escapeIdentifier(role)}` : '';
  return `START TRANSACTION; SET LOCAL search_path TO ${pg.escapeIdentifier(schema)}${takeRole}`;
}
