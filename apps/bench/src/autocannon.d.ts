/** What the bench uses of autocannon, which comes without types. */
declare module 'autocannon' {
  namespace autocannon {
    interface Request {
      method?: string;
      path: string;
      headers?: Record<string, string>;
      body?: string;
    }
    interface Client {
      setRequests(requests: Request[]): void;
    }
    interface Options {
      url: string;
      connections: number;
      /** How many requests all connections make together. */
      amount: number;
      /** How often, in milliseconds, it looks whether all are done. */
      sampleInt: number;
      setupClient(client: Client): void;
    }
    interface Run extends Promise<Result> {
      once(event: 'start', listener: () => void): void;
    }
    interface Result {
      '2xx': number;
      non2xx: number;
      errors: number;
      timeouts: number;
    }
  }

  function autocannon(options: autocannon.Options): autocannon.Run;
  export = autocannon;
}
