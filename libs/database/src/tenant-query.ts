import { hash } from 'node:crypto';
import * as pg from 'pg';
import type { Scope } from './scope';

// A role that is null leaves alone the one that the connection has.
const TO_TENANT = `SELECT set_config('search_path', $1, true), set_config('role', coalesce($2, current_setting('role')), true)`;

// And says on whose behalf, which triggers write down.
const SWITCH = `${TO_TENANT}, set_config('app.actor', $3, true), set_config('app.request_id', $4, true)`;
const SWITCH_NAME = 'switch';

// Who shares a connection only reads, and must not hold up the others: rather than wait for a lock it fails, and comes
// again by itself.
const SHARED_SWITCH = `${TO_TENANT}, set_config('lock_timeout', '100ms', true)`;
const SHARED_SWITCH_NAME = 'shared switch';

const MOST_NAMES = 200; // a connection: each costs its backend about 25 KiB, so 5 MiB in all
const MOST_FINGERPRINTS = 10_000; // some 5 MB, should somebody prepare what is different every time

/** How a statement is sent. */
export interface Sending {
  /** What is prepared: nothing where something between us and Postgres forgets it. */
  prepares: 'nothing' | 'the switch' | 'the statement too';
  /** Whether others are under way on the same connection. */
  isShared: boolean;
}

/** What `pg.Query` and its connection have, and their types do not tell. */
interface Inner {
  text: string;
  name?: string;
  queryMode: 'extended';
  prepare(connection: Inner['connection']): void;
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: unknown): void;
  connection: pg.Connection & Record<'parsedStatements' | 'submittedNamedStatements', Record<string, string>>;
}
type Connection = Inner['connection'];
type Done = (error: Error | undefined, result: pg.QueryResult) => void;
const InnerQuery = pg.Query as unknown as new (text: string, values: unknown[], done: Done) => pg.Query & Inner;

/**
 * One statement as a tenant, in one message: what stands before a Sync is one transaction, so the switch that goes before
 * the statement ends with it. Prepared statements are per tenant, for Postgres plans anew what runs in another schema.
 */
export class TenantQuery extends InnerQuery {
  private hasSwitched = false;

  constructor(
    private readonly scope: Scope,
    text: string,
    values: unknown[],
    private readonly sending: Sending,
    done: Done,
  ) {
    super(text, values, done); // a config would be cloned
    this.queryMode = 'extended';
  }

  override prepare(connection: Connection): void {
    const { parsedStatements: parsed } = connection;
    const { prepares, isShared } = this.sending;
    const text = isShared ? SHARED_SWITCH : SWITCH;
    const statement = prepares === 'nothing' ? '' : isShared ? SHARED_SWITCH_NAME : SWITCH_NAME;
    const isKnown = parsed[statement];
    if (!isKnown) connection.parse({ name: statement, text, types: [] }, true);
    if (statement) parsed[statement] = text;
    const { tenant, actor, requestId } = this.scope;
    const place = [pg.escapeIdentifier(tenant.schema), tenant.role];
    connection.bind({ statement, values: isShared ? place : [...place, actor, requestId] }, true);
    connection.execute({}, true);
    // pg counts parsed statements, not which: one at a time gets a name.
    if (isKnown && prepares === 'the statement too') this.name = nameOn(connection, tenant.schema, this.text);
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

/** The name of a statement of a schema, or none for one that is not worth it: a name takes longer to make than it saves once. */
function nameOn(connection: Connection, schema: string, text: string): string | undefined {
  const name = nameOf(schema, text);
  if (connection.parsedStatements[name]) return name;
  if (connection.submittedNamedStatements[name]) return undefined; // and may fail: it is not there yet
  if (!comesAgain(connection, name)) return undefined;
  makeRoom(connection);
  return name;
}

const newcomers = new WeakMap<Connection, Set<string>>();

/** Whether a statement came before, and not so long ago that in turns with the others it would lose its name before it is used. */
function comesAgain(connection: Connection, name: string): boolean {
  const seen = newcomers.get(connection) ?? new Set();
  newcomers.set(connection, seen);
  if (seen.delete(name)) return true;
  seen.add(name);
  if (seen.size === MOST_NAMES) seen.delete(seen.values().next().value!);
  return false;
}

/** Lets go of the oldest name where there is none to spare. */
function makeRoom(connection: Connection): void {
  const names = Object.keys(connection.parsedStatements);
  if (names.length < MOST_NAMES) return;
  const oldest = names.find((name) => name !== SWITCH_NAME && name !== SHARED_SWITCH_NAME)!;
  connection.close({ type: 'S', name: oldest }, true);
  delete connection.parsedStatements[oldest];
}

/** The same for the same statement in every process, for a pooler may lend one's connection to another. */
const nameOf = (schema: string, text: string): string => `${fingerprintOf(schema)}.${fingerprintOf(text)}`;

const fingerprints = new Map<string, string>();

function fingerprintOf(text: string): string {
  let fingerprint = fingerprints.get(text);
  if (!fingerprint) {
    fingerprint = hash('sha256', text, 'base64url').slice(0, 22); // 132 bits; two of them fit the 63 bytes of a name
    if (fingerprints.size === MOST_FINGERPRINTS) fingerprints.clear();
    fingerprints.set(text, fingerprint);
  }
  return fingerprint;
}
