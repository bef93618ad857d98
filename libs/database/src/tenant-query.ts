import { hash } from 'node:crypto';
import * as pg from 'pg';
import type { Scope } from './scope';

// A role that is null leaves alone the one that the connection has.
const SWITCH = `SELECT set_config('search_path', $1, true), set_config('role', coalesce($2, current_setting('role')), true)`;
const SWITCH_NAME = 'switch';

const MOST_NAMES = 200; // a connection: each costs its backend about 25 KiB, so 5 MiB in all

/** Whether, and how, statements are prepared: not at all where something between us and Postgres forgets them. */
export type Preparing = 'nothing' | 'the switch' | 'the statement too';

/** What `pg.Query` and its connection have, and their types do not tell. */
interface Inner {
  name?: string;
  prepare(connection: Inner['connection']): void;
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: unknown): void;
  connection: pg.Connection & { parsedStatements: Record<string, string> };
}
type Connection = Inner['connection'];
type Statement = pg.QueryConfig & { queryMode: 'extended' };
type Done = (error: Error | undefined, result: pg.QueryResult) => void;
const InnerQuery = pg.Query as unknown as new (statement: Statement, done: Done) => pg.Query & Inner;

/**
 * One statement as a tenant, in one message: what stands before a Sync is one transaction, so the switch that goes before
 * the statement ends with it. Prepared statements are per tenant, for Postgres plans anew what runs in another schema.
 */
export class TenantQuery extends InnerQuery {
  private hasSwitched = false;

  constructor(
    private readonly tenant: Scope['tenant'],
    text: string,
    values: unknown[],
    private readonly preparing: Preparing,
    done: Done,
  ) {
    const name =
      preparing === 'the statement too' ? hash('sha256', `${tenant.schema} ${text}`, 'base64url') : undefined;
    super({ name, text, values, queryMode: 'extended' }, done);
  }

  override prepare(connection: Connection): void {
    const { parsedStatements: parsed } = connection;
    const statement = this.preparing === 'nothing' ? '' : SWITCH_NAME;
    if (!parsed[statement]) connection.parse({ name: statement, text: SWITCH, types: [] }, true);
    if (statement) parsed[statement] = SWITCH;
    const values = [pg.escapeIdentifier(this.tenant.schema), this.tenant.role];
    connection.bind({ statement, values }, true);
    connection.execute({}, true);
    if (this.name && !parsed[this.name]) makeRoom(connection);
    super.prepare(connection);
  }

  override handleDataRow(message: unknown): void {
    if (this.hasSwitched) super.handleDataRow(message);
  }

  override handleCommandComplete(message: unknown, connection: unknown): void {
    if (this.hasSwitched) super.handleCommandComplete(message, connection);
    else this.hasSwitched = true;
  }
}

/** Lets go of the oldest name where there is none to spare. */
function makeRoom(connection: Connection): void {
  const names = Object.keys(connection.parsedStatements);
  if (names.length < MOST_NAMES) return;
  const oldest = names.find((name) => name !== SWITCH_NAME)!;
  connection.close({ type: 'S', name: oldest }, true);
  delete connection.parsedStatements[oldest];
}
