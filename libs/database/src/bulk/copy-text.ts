import { prepareValue } from 'pg/lib/utils';

const ESCAPED = /[\\\n\r\t]/;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A value in the text format of COPY, spelt otherwise as `pg` spells it: https://www.postgresql.org/docs/16/sql-copy.html */
export function copyText(value: unknown): string {
  const spelt = typeof value === 'string' ? value : prepareValue(value);
  if (spelt === null) return '\\N';
  if (typeof spelt !== 'string') return `\\\\x${spelt.toString('hex')}`;
  return ESCAPED.test(spelt) ? spelt.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character]) : spelt;
}
