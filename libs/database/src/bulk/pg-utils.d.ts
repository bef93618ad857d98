declare module 'pg/lib/utils' {
  /** What `pg` sends for a parameter: its text, or bytes. */
  export function prepareValue(value: unknown): string | Buffer | null;
}
