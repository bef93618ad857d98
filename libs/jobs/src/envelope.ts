import type { Trace } from './trace';

/** What is kept of a job: what to do, for whom, and which request asked for it. */
export interface Envelope<P extends object = object> {
  /** Null for a job that is no tenant's, and for one that is to be shared out to all. */
  tenantId: string | null;
  actor: string;
  /** Null for one that no request asked for: it goes by its own id. */
  requestId: string | null;
  payload: P;
  /** The trace that it goes on with, where there is one. */
  trace?: Trace;
}

/** What is kept of a job that the clock asks for. */
export const BY_THE_CLOCK: Envelope = { tenantId: null, actor: 'system', requestId: null, payload: {} };
