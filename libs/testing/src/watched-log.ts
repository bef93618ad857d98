/** What lets somebody in, and must stand in no line of any log. */
const SECRETS = {
  'a JWT': /\beyJ[\w-]+\.eyJ[\w-]+/,
  'an API key': /\bak_[\da-f-]{36}\.[\w-]{43}/,
  'the token of a refresh or of a link': /(?<![\w-])[\w-]{43}(?![\w-])/,
  'a password': /horse battery|demo-password|not[- ]the[- ]password|chosen by a person/, // those that the specs use
  'the password of a URL': /:\/\/[^\s:/@]*:[^\s@]+@/,
  'a private key': /PRIVATE KEY|"d"\s*:/,
  'an Authorization header': /\b(?:Bearer|Basic) [\w-]{8}/i,
  'a cookie': /\b(?:sid|session)=/,
};

/** The kinds of secrets in a line of a log. */
export const secretsIn = (line: string): string[] =>
  Object.entries(SECRETS).flatMap(([kind, pattern]) => (pattern.test(line) ? [kind] : []));

/**
 * The log of all APIs of a spec, in this process and in others: each line is looked through, and `check`, whenever an API
 * ends, throws what was found. So a whole run proves that secrets stay out of it. LOG_LEVEL lets you read along.
 */
class WatchedLog {
  /** How many lines there were. */
  lines = 0;
  private found: string[] = [];

  write(line: string): void {
    this.lines++;
    this.found.push(...secretsIn(line).map((kind) => `${kind} in ${line.trim()}`));
    if (process.env.LOG_LEVEL) process.stdout.write(line);
  }

  check(): void {
    const found = this.found.splice(0);
    if (found.length) throw new Error(`The log of this spec shows secrets:\n${found.join('\n')}`);
  }
}

export const watchedLog = new WatchedLog();
