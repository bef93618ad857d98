import type { Follow } from '@app/tenancy';
import { say } from './with-database';

const WIDTH = 30; // of the bar; the rest of a narrow terminal is for the numbers
const REDRAWN_EVERY_MS = 100; // smooth to the eye, nothing to the terminal
const LINE_EVERY_MS = 5_000; // what a log can bear

/** What long work tells a person of itself. */
export interface Telling {
  /** A line, above the bar if there is one. */
  say(line: string): void;
  /** How far it is. Undefined where there is no bar, and `say` is to tell of it. */
  follow?: Follow;
}

/** Runs `work` under a bar that counts `things`, where a terminal can show one. */
export async function withProgress<T>(
  things: string,
  work: (telling: Telling) => Promise<T>,
  terminal: NodeJS.WriteStream = process.stderr,
): Promise<T> {
  if (!terminal.isTTY) return work({ say });
  let drawnAt = 0;
  let isDrawn = false;
  const clear = () => isDrawn && terminal.write('\r\u001b[K');
  const follow: Follow = (done, total) => {
    if (Date.now() - drawnAt < REDRAWN_EVERY_MS && done !== total) return;
    drawnAt = Date.now();
    clear();
    isDrawn = terminal.write(barOf(done, total, things)) || true;
  };
  const sayAbove = (line: string) => {
    clear();
    isDrawn = false;
    say(line);
  };
  try {
    return await work({ say: sayAbove, follow });
  } finally {
    clear();
  }
}

/** How far something is, in a line: with a bar where it is known how much there is. */
export function barOf(done: number, total: number | undefined, things: string): string {
  const said = [done, total].map((n) => n?.toLocaleString('en-US'));
  if (!total) return `${said[0]} ${things}`;
  const full = Math.min(WIDTH, Math.round((done / total) * WIDTH));
  return `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${said[0]} of ${said[1]} ${things}`;
}

/** Follows by a line now and then, for work that says nothing itself. */
export function inLines(things: string, remark: (line: string) => void): Follow {
  let nextLine = Date.now() + LINE_EVERY_MS;
  return (done, total) => {
    if (Date.now() < nextLine) return;
    nextLine = Date.now() + LINE_EVERY_MS;
    remark(`${[done, ...(total ? [total] : [])].map((n) => n.toLocaleString('en-US')).join(' of ')} ${things}`);
  };
}
