import { ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { NO_LIMITS } from './no-limits';
import { watchedLog } from './watched-log';

/** An app in a process of its own, the built one, for tests that stop, kill and race processes. */
export class AppProcess {
  /** Everything it has written, line by line. */
  readonly lines: string[] = [];
  /** How it ended: its exit code, or the signal that killed it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  private readonly waiting = new Set<() => void>();

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        watchedLog.write(`${line}\n`);
        for (const wake of this.waiting) wake();
      });
    }
    this.ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal!)));
    void this.ended.finally(() => {
      for (const wake of this.waiting) wake();
    });
  }

  /** Starts a built app with `env` on top of a bare environment, in the folder `cwd` if given. */
  static start(app: 'api' | 'worker', env: NodeJS.ProcessEnv, cwd?: string): AppProcess {
    const main = resolve(`dist/apps/${app}/src/main.js`);
    if (!existsSync(main)) throw new Error(`This test starts the built ${app}: type "npm run build" first.`);
    const { PATH, HOME } = process.env;
    return new AppProcess(
      spawn(process.execPath, [main], {
        env: { PATH, HOME, NODE_ENV: 'test', PORT: '0', LOG_FORMAT: 'json', ...NO_LIMITS, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        cwd,
      }),
    );
  }

  /** The first line that matches `pattern`, waiting for it as long as the process lives. */
  async line(pattern: RegExp): Promise<string> {
    let hasEnded = false;
    void this.ended.then(() => (hasEnded = true));
    for (;;) {
      const found = this.lines.find((line) => pattern.test(line));
      if (found) return found;
      if (hasEnded) throw new Error(`The process ended without saying ${pattern.source}:\n${this.lines.join('\n')}`);
      await new Promise<void>((resolve) => {
        this.waiting.add(resolve);
        void this.ended.then(() => resolve());
      });
      this.waiting.clear();
    }
  }

  /** Where it listens, once it does. */
  async url(): Promise<string> {
    const [, url] = /(http:\/\/[^/,"]+)/.exec(await this.line(/Listening on|Healthy on/))!;
    return url.replace('[::1]', '127.0.0.1');
  }

  /** Ends it by `signal`, and throws if its log shows a secret. */
  async kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.child.kill(signal);
    const how = await this.ended;
    watchedLog.check();
    return how;
  }

  get pid(): number {
    return this.child.pid!;
  }
}
