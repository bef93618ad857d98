import type { Pool, PoolClient, QueryResult, Submittable } from 'pg';

const MOST_IN_FLIGHT = 32; // statements: one backend answers them in turn, so more of them want a second one
const MOST_IN_ALL = 1_000; // then the pool has its turn to close a connection that is old

/** What makes the statement to send, given whom to tell its end. */
export type Make = (done: (error: Error | undefined, result: QueryResult) => void) => Submittable;

/**
 * A connection of the pool while many statements share it: each is sent without waiting for the answers to those before
 * it, and those of one turn of the event loop in one write. For statements that wait for nobody, as all behind one that
 * does would wait with it. When the last is answered the pool has the connection back.
 */
export class Pipeline {
  private inFlight = 0;
  private inAll = 0;
  private client?: PoolClient;
  private readonly connecting: Promise<PoolClient>;
  private isGathering = false;
  private isSpoilt = false;

  constructor(
    private readonly pool: Pool,
    private readonly ended: () => void,
  ) {
    this.connecting = pool.connect();
  }

  /** Whether it takes one more; where others wait for a connection it takes none, so that they get this one. */
  get hasRoom(): boolean {
    const isUp = this.isSpoilt || this.inAll === MOST_IN_ALL;
    return this.inFlight < MOST_IN_FLIGHT && !isUp && !(this.client && this.pool.waitingCount);
  }

  /** Sends one; an error that `spoils` the connection has the pool close it, once all on it are answered. */
  async run(make: Make, spoils: (error: unknown) => boolean): Promise<QueryResult> {
    this.inFlight++;
    this.inAll++;
    try {
      const client = this.client ?? this.begin(await this.connecting);
      this.gather(client);
      return await send(client, make);
    } catch (error) {
      this.isSpoilt ||= spoils(error);
      throw error;
    } finally {
      if (!--this.inFlight) this.end();
    }
  }

  private begin(client: PoolClient): PoolClient {
    if (this.client) return client;
    client.on('error', ignore); // a connection that breaks says so to its statements as well
    setPipelining(client, true);
    return (this.client = client);
  }

  private gather({ connection: { stream } }: PoolClient): void {
    if (this.isGathering) return;
    this.isGathering = true;
    stream.cork();
    setImmediate(() => {
      this.isGathering = false;
      stream.uncork();
    });
  }

  private end(): void {
    this.ended();
    const { client } = this;
    if (!client) return; // there was none to be had
    setPipelining(client, false);
    client.off('error', ignore);
    client.release(this.isSpoilt || client.getTransactionStatus() !== 'I');
  }
}

export const send = (client: PoolClient, make: Make): Promise<QueryResult> =>
  new Promise((resolve, reject) => {
    client.query(make((error, result) => (error ? reject(error) : resolve(result))));
  });

/** pg reads it before each statement; nothing is under way when we change it. */
export const setPipelining = (client: PoolClient, pipeline: boolean): void => void Object.assign(client, { pipeline });

const ignore = (): void => undefined;
