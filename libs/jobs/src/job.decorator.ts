import { Injectable, Type } from '@nestjs/common';

/** How a kind of job runs. */
export interface JobOptions {
  /** Whether it is no tenant's: it then runs outside any unit of work. */
  withoutTenant?: boolean;
  /** When it is done without being asked for, such as '0 3 * * *', in UTC; for each active tenant, unless it is no tenant's. */
  cron?: string;
  /** How often it is tried again after it failed, each time after a longer wait; then it is a dead letter. 5 unless given. */
  retries?: number;
  /** How long it may run, in seconds, before somebody else tries it. 900 unless given. */
  expireSeconds?: number;
}

/** What a job leaves for whoever asked for it: what came of it, or why it could not be done as asked. */
export type JobOutcome = { result: object } | { problem: object };

/** Says how much of a job is done, from 0 to 1, to whoever asks meanwhile. */
export type SayProgress = (share: number) => void;

/** Work that is done later, by a worker: what `run` does for a tenant is one unit of work. It may run more than once. */
export interface JobHandler<P extends object = object> {
  run(payload: P, say: SayProgress): Promise<JobOutcome | void>;
}

/** A kind of job: its class, which says what its payload is. */
export type JobType<P extends object = object> = Type<JobHandler<P>>;

export interface NamedJob extends JobOptions {
  name: string;
}

const JOB = Symbol('job');

/** Makes a provider the handler of the jobs called `name`, such as `reviews.refresh-book-rating`. */
export const Job =
  (name: string, options: JobOptions = {}) =>
  <T extends JobType<never>>(handler: T): T => {
    Reflect.defineMetadata(JOB, { name, ...options }, handler);
    Injectable()(handler);
    return handler;
  };

/** What `@Job()` says of a class; undefined where it says nothing. */
export const jobOf = (handler: object): NamedJob | undefined => Reflect.getOwnMetadata(JOB, handler);

/** The same. Throws where nothing is said. */
export function mustBeJob(handler: Type): NamedJob {
  const job = jobOf(handler);
  if (!job) throw new Error(`${handler.name} is no job: write @Job('what.it-does') above it.`);
  return job;
}
