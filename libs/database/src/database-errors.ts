import { types } from 'node:util';
import { QueryFailedError } from 'typeorm';

/** What Postgres said of a failed statement: https://www.postgresql.org/docs/16/protocol-error-fields.html */
export interface PostgresError extends Error {
  code: string;
  constraint?: string;
  column?: string;
  table?: string;
}

/** The Postgres error inside `error`, if there is one. */
export function postgresError(error: unknown): PostgresError | undefined {
  const inner = error instanceof QueryFailedError ? error.driverError : error;
  // Every SQLSTATE has a digit; EPIPE and its like, from the network, have none.
  return types.isNativeError(inner) && /^(?=.*\d)[0-9A-Z]{5}$/.test((inner as PostgresError).code)
    ? (inner as PostgresError)
    : undefined;
}

/** Whether the same work may succeed when simply run again: serialization failure or deadlock. */
export const isRetryable = (error: unknown): boolean => ['40001', '40P01'].includes(postgresError(error)?.code ?? '');

/** Whether the values written are to blame: data exceptions (22…) and integrity violations (23…). */
export const isDataError = (error: unknown): boolean => /^2[23]/.test(postgresError(error)?.code ?? '');

/** The connection of a running unit of work broke between two of its statements; what it had done is undone. */
export class ConnectionLost extends Error {
  constructor() {
    super('The connection to the database was lost.');
    this.name = 'ConnectionLost';
  }
}

// A name that is not known (ENOTFOUND) may be a container's that comes later.
const NETWORK_CODES =
  'ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH ENETDOWN ENOTFOUND EAI_AGAIN'.split(' ');

/** Whether the database could not be reached, or went away meanwhile: connection (08…), shutdown (57P0…), too many connections. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  const code = postgresError(error)?.code;
  if (code) return /^(08...|57P0[1235]|53300)$/.test(code);
  const inner = error instanceof QueryFailedError ? error.driverError : error;
  if (!types.isNativeError(inner)) return false;
  return (
    NETWORK_CODES.includes(String((inner as NodeJS.ErrnoException).code)) ||
    // What pg and pg-pool say without a code.
    /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|timeout expired|Client was closed)/.test(
      inner.message,
    )
  );
}
