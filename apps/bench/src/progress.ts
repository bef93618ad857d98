const isTerminal = process.stderr.isTTY;

/** Says on stderr what is going on: on a terminal in one line, elsewhere in a line each. */
export function tell(line: string): void {
  process.stderr.write(isTerminal ? `\r\x1b[K${line}` : `${line}\n`);
}

/** Takes the line away again. */
export function tellNothingMore(): void {
  if (isTerminal) process.stderr.write('\r\x1b[K');
}
