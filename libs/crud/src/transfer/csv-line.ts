import { escapeFormula } from './formula';

/** A line of CSV as Postgres writes it: null is nothing, and an empty text is a pair of quotes. */
export const csvLine = (values: unknown[], { raw = false }: { raw?: boolean }): string =>
  `${values.map((value) => cell(value, raw)).join(',')}\n`;

function cell(value: unknown, raw: boolean): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'string')
    return quoted(typeof value === 'object' ? JSON.stringify(value) : String(value as number));
  return quoted(raw ? value : escapeFormula(value));
}

const quoted = (text: string): string =>
  text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
