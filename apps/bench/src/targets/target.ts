import { ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { BookTable } from '../book-table';
import type { Dispatcher } from 'undici';
import { Answer, Ask, ask, hammer } from '../load';
import { ownMegabytes } from '../memory';

const READY_WITHIN = 60_000; // ms; ours makes its schemas at its first start
const STOPPED_WITHIN = 15_000; // ms; ours grants 10 s to requests that run, and there are none

/** How a target is started. */
export interface Program {
  /** Its main file, relative to `dist/apps`. */
  main: string;
  env: NodeJS.ProcessEnv;
}

/** A program that is measured: one Node process, a table of its own, and the same routes as all others. */
export class Target {
  /** Seconds from its last start until it said that it was ready. */
  startedIn = NaN;
  /** What requests to it carry to be let in, for each of its tenants. */
  credentials: Record<string, string>[] = [{}];
  private child?: ChildProcess;
  private origin: string;

  constructor(
    readonly name: string,
    /** How many books its table holds, unless a workload wants others. */
    readonly holds: number,
    readonly table: BookTable,
    readonly program: Program,
    private readonly logs: string,
  ) {}

  /** Starts it, and waits until it says that it is ready. */
  async start(): Promise<void> {
    const port = await freePort();
    const log = openSync(this.log, 'w');
    const begun = performance.now();
    const { PATH, HOME } = process.env;
    const child = spawn(process.execPath, [join(__dirname, '../../..', this.program.main)], {
      env: { PATH, HOME, PORT: `${port}`, ...this.program.env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.child = child;
    this.origin = `http://127.0.0.1:${port}`;
    while (!(await this.isReady())) {
      if (hasEnded(child)) throw new Error(`${this.name} ended instead of starting:\n${this.lastWords()}`);
      if (performance.now() - begun > READY_WITHIN) throw new Error(`${this.name} is not ready:\n${this.lastWords()}`);
      await wait(5);
    }
    this.startedIn = (performance.now() - begun) / 1_000;
  }

  async stop(): Promise<void> {
    const child = this.child;
    if (!child || hasEnded(child)) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const impatience = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(impatience);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  get pid(): number {
    return this.child!.pid!;
  }

  /** Where `path` of the books is. */
  url(path: string = ''): string {
    return `${this.origin}/api/v1/books${path}`;
  }

  ask(path: string, how?: Ask): Promise<Answer> {
    return ask(this.url(path), { ...how, headers: { ...how?.headers, ...this.credentials[0] } });
  }

  /** How many of `requests` it answers in a second, 32 being under way at a time, in so many of its tenants by turns. */
  hammer(requests: Dispatcher.DispatchOptions[], tenants = 1): Promise<number> {
    const signed = requests.map((request, n) => ({
      ...request,
      headers: { ...(request.headers as object), ...this.credentials[n % tenants] },
    }));
    return hammer(this.origin, signed);
  }

  /** The memory of one of its backends in Postgres, in megabytes: their mean. */
  async backendMegabytes(): Promise<number> {
    const pids = await this.table.backendsOf(`${this.program.env.SCHEMA_PREFIX}app`);
    const megabytes = await Promise.all(pids.map((pid) => ownMegabytes(pid)));
    return megabytes.reduce((sum, each) => sum + each, 0) / megabytes.length;
  }

  /** The answer to a request that must succeed: the time of a failure is worth nothing. */
  async must(path: string, how?: Ask): Promise<Answer> {
    const answer = await this.ask(path, how);
    if (answer.status < 200 || answer.status > 299) {
      const said = answer.body.toString('utf8', 0, 500);
      throw new Error(
        `${this.name} answered ${answer.status} to ${how?.method ?? 'GET'} books${path}: ${said}\n${this.lastWords()}`,
      );
    }
    return answer;
  }

  private isReady(): Promise<boolean> {
    return ask(`${this.origin}/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  private get log(): string {
    return join(this.logs, `${this.name}.log`);
  }

  private lastWords(): string {
    return readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
