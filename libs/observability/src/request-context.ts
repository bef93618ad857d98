import { AsyncLocalStorage } from 'node:async_hooks';

/** What every log line about a request carries, wherever it is written. */
export interface RequestContext {
  requestId: string;
}

const running = new AsyncLocalStorage<RequestContext>();

/** Makes `context` the one of `work` and of all it calls. */
export const runWithRequest = <T>(context: RequestContext, work: () => T): T => running.run(context, work);

/** The request being worked for, if any. */
export const currentRequest = (): RequestContext | undefined => running.getStore();
