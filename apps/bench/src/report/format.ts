/** A count as people say it: 10k, 1M. */
export function shortly(count: number): string {
  if (count >= 1_000_000) return `${count / 1_000_000}M`;
  return count >= 1_000 ? `${count / 1_000}k` : `${count}`;
}

/** A figure as far as it means anything: more digits would be noise. */
export const threeDigits = (value: number): string =>
  Number.isFinite(value) ? value.toLocaleString('en-US', { maximumSignificantDigits: 3 }) : '–';

/** A ratio. */
export const twoDecimals = (ratio: number): string => (Number.isFinite(ratio) ? ratio.toFixed(2) : '–');
