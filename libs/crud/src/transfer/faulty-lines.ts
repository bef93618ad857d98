import { Cause, Problem } from '../problem/problem';

/** What is wrong with a line of a file. */
export type ImportError = { line: number } & Pick<Cause, 'pointer' | 'code' | 'detail'>;

const NAMED = 100; // lines in one answer: whoever has more bad ones has one mistake, not many

/** The bad lines of a file: how many they are, and the first of them. */
export class FaultyLines {
  count = 0;
  private named: { line: number; causes: Cause[] }[] = [];

  add(line: number, causes: Cause[]): void {
    this.count++;
    if (this.named.length === NAMED && line > this.named.at(-1)!.line) return;
    this.named = [...this.named, { line, causes }].sort((a, b) => a.line - b.line).slice(0, NAMED);
  }

  report(): { failed: number; errors: ImportError[] } {
    const errors = this.named.flatMap(({ line, causes }) =>
      causes.map(({ pointer, code, detail }) => ({ line, pointer, code, detail })),
    );
    return { failed: this.count, errors };
  }

  problem(): Problem {
    const which = this.count > NAMED ? `errors names the first ${NAMED}` : 'errors names each';
    const detail = `${this.count === 1 ? '1 line is' : `${this.count} lines are`} wrong, so nothing was written; ${which}.`;
    const causes = this.named.flatMap(({ line, causes }) => causes.map((cause) => ({ ...cause, line })));
    return new Problem(422, 'invalid_lines', detail, causes);
  }
}
