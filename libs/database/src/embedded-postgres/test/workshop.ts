import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client, type QueryResult } from 'pg';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import { until } from '@app/testing';
import { EmbeddedPostgres, type EmbeddedPostgresOptions } from '../index';
import { platformPackage } from '../platform-package';

type Given = Partial<EmbeddedPostgresOptions>;

interface Outcome {
  announced?: string;
  failed?: string;
  adminUrl: string;
  started: boolean;
}

/** Another process that has started an embedded Postgres. */
export interface Session {
  process: ChildProcess;
  adminUrl: string;
  started: boolean;
  announced: string[];
  release(): Promise<void>;
  kill(): Promise<void>;
}

/** A temporary directory with everything a test of real processes needs, which leaves nothing behind. */
export class Workshop {
  readonly root = mkdtempSync(join(tmpdir(), 'embedded-postgres-'));
  /** Where the tests that need no cluster of their own share one, which the first of them makes: initdb takes a second. */
  readonly dataDir = join(this.root, 'cluster');
  private readonly processes: ChildProcess[] = [];
  private readonly held: EmbeddedPostgres[] = [];
  private readonly dataDirs = new Set<string>();

  constructor() {
    chmodSync(this.root, 0o755);
    this.compile();
  }

  /** Starts in this process. */
  async start(given: Given = {}): Promise<EmbeddedPostgres> {
    const postgres = await EmbeddedPostgres.start({ ...this.options(given), announce: () => undefined, ...given });
    this.held.push(postgres);
    return postgres;
  }

  /** Starts in a process of its own, in a process group of its own. */
  async open(given: Given = {}, uid?: number): Promise<Session> {
    const { child, announced, outcome } = this.begin(given, uid);
    const message = await outcome;
    if (message.failed) throw new Error(message.failed);
    const exited = once(child, 'exit');
    return {
      process: child,
      announced,
      adminUrl: message.adminUrl,
      started: message.started,
      async release() {
        child.send('release');
        await exited;
      },
      async kill() {
        child.kill('SIGKILL');
        await exited;
      },
    };
  }

  /** The same without waiting for its outcome. */
  begin(given: Given = {}, uid?: number) {
    const child = fork(join(this.root, 'compiled', 'test', 'driver.js'), {
      detached: true,
      cwd: this.root,
      execArgv: [],
      ...(uid && { uid, gid: uid }),
    });
    this.processes.push(child);
    const announced: string[] = [];
    const outcome = new Promise<Outcome>((resolve) => {
      child.on('message', (message: Outcome) => {
        if (message.announced) announced.push(message.announced);
        else resolve(message);
      });
      child.once('exit', (code, signal) => resolve({ failed: `The process ended (${signal ?? code}).` } as Outcome));
    });
    child.send(this.options(given));
    return { child, announced, outcome };
  }

  /** A copy of the platform package, as npm leaves it when install scripts are blocked. */
  unlinkedPackage(directory: string): string {
    mkdirSync(dirname(directory), { recursive: true });
    try {
      execFileSync('cp', ['-Rl', platformPackage().directory, directory], { stdio: 'ignore' });
    } catch {
      // Hard links do not reach into another file system; a true copy takes a second.
      cpSync(platformPackage().directory, directory, { recursive: true, verbatimSymlinks: true });
    }
    for (const { target } of JSON.parse(readFileSync(join(directory, 'native', 'pg-symlinks.json'), 'utf8'))) {
      rmSync(join(directory, target), { force: true });
    }
    return directory;
  }

  /** Ends what a test has not ended itself. */
  async tidy(): Promise<void> {
    const running = this.processes.splice(0).filter((child) => child.exitCode === null && child.signalCode === null);
    for (const child of running) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    for (const postgres of this.held.splice(0)) await postgres.release();
  }

  /** Ends what a failed test has left running, and removes everything. */
  async close(): Promise<void> {
    for (const dataDir of this.dataDirs) {
      const pidFile = join(dataDir, 'postmaster.pid');
      if (!existsSync(pidFile)) continue;
      process.kill(Number.parseInt(readFileSync(pidFile, 'utf8'), 10), 'SIGQUIT');
      await until(() => !existsSync(pidFile));
    }
    rmSync(this.root, { recursive: true, force: true });
  }

  private options(given: Given) {
    const options = { dataDir: this.dataDir, dataDirIsExplicit: true, ...given };
    this.dataDirs.add(options.dataDir);
    return options;
  }

  /** Other processes get JavaScript; ts-jest compiles for this one only. */
  private compile(): void {
    const source = dirname(__dirname);
    for (const name of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || name.endsWith('.spec.ts')) continue;
      const compilerOptions = { module: ModuleKind.CommonJS, target: ScriptTarget.ES2023, esModuleInterop: true };
      const { outputText } = transpileModule(readFileSync(join(source, name), 'utf8'), { compilerOptions });
      const target = join(this.root, 'compiled', name.replace(/ts$/, 'js'));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, outputText);
    }
    const modules = join(dirname(require.resolve('pg/package.json')), '..');
    symlinkSync(modules, join(this.root, 'compiled', 'node_modules'));
  }
}

/** Asks a server one question. */
export async function query(connectionString: string, sql: string): Promise<QueryResult> {
  const client = new Client({ connectionString });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.query(sql);
  } finally {
    await client.end().catch(() => undefined);
  }
}
