import { Goal, Measured, Samples } from './figure';
import { shortly, threeDigits, twoDecimals } from './format';
import { isMet, middleOf, ratio } from './verdict';

/** The comparison in Markdown: medians, ratios, and what of it was to be reached. */
export function comparisonTable(all: Measured[]): string {
  const rows = all.map((measured) => {
    const { figure, samples } = measured;
    const compares = figure.unit.endsWith('/s');
    const times = (one: string, other: string) => (compares ? twoDecimals(ratio(samples[one], samples[other])) : '');
    const verdict = (goal: Goal | undefined) => verdictOn(goal, measured, all);
    return [
      `${figure.title}, ${figure.unit}`,
      ...['bare', 'plain', 'ours'].map((name) => cell(samples[name])),
      times('plain', 'bare'),
      times('ours', 'bare'),
      times('ours', 'plain'),
      verdict(figure.atLeast),
      verdict(figure.target),
    ];
  });
  return markdown(
    ['', 'bare', 'plain', 'ours', 'plain ÷ bare', 'ours ÷ bare', 'ours ÷ plain', 'at least', 'target'],
    rows,
  );
}

/** The same work of ours on tables of different sizes, in Markdown; the last column is 1 where size costs nothing. */
export function growthTable(all: Measured[], sizes: number[]): string {
  const names = sizes.map(shortly);
  const [smallest, largest] = [names[0], names[names.length - 1]];
  return markdown(
    ['ours, by size of its table', ...names, `${largest} ÷ ${smallest}`],
    all.map(({ figure, samples }) => [
      `${figure.title}, ${figure.unit}`,
      ...names.map((name) => cell(samples[name])),
      twoDecimals(ratio(samples[largest], samples[smallest])),
    ]),
  );
}

/** The same work of ours with books of each kind, in Markdown: how many times as long it takes where they remember. */
export function kindsTable(all: Measured[]): string {
  return markdown(
    [
      'ours, by kind of books',
      'standard',
      'audited',
      'append-only',
      'audited: times as long',
      'at most',
      'append-only: times as long',
      'at most',
    ],
    all.map(({ figure, samples }) => {
      const compared = (['audited', 'append-only'] as const).flatMap((kind) => {
        const [times, most] = [ratio(samples.standard, samples[kind]), figure.atMostOfKind![kind]];
        return [twoDecimals(times), `${mark(times <= most)} ${most}`];
      });
      return [
        `${figure.title}, ${figure.unit}`,
        cell(samples.standard),
        cell(samples.audited),
        cell(samples['append-only']),
        ...compared,
      ];
    }),
  );
}

/** The same work of ours in an installation of one tenant and in one of many, in Markdown. */
export function tenantsTable(all: Measured[], tenants: number): string {
  return markdown(
    ['ours, by tenants', '1', shortly(tenants), 'times as long', 'at most'],
    all.map(({ figure, samples: { alone, among }, figure: { atMostTimes } }) => {
      const times = figure.unit.endsWith('/s') ? ratio(alone, among) : NaN;
      return [
        `${figure.title}, ${figure.unit}`,
        cell(alone),
        cell(among),
        Number.isNaN(times) ? '' : twoDecimals(times),
        atMostTimes ? `${mark(times <= atMostTimes)} ${atMostTimes}` : '',
      ];
    }),
  );
}

/** What ours does with jobs, in Markdown. */
export function jobsTable(all: Measured[]): string {
  return markdown(
    ['jobs', 'ours', 'at least'],
    all.map((measured) => {
      const { figure, samples } = measured;
      return [`${figure.title}, ${figure.unit}`, cell(samples.ours), verdictOn(figure.atLeast, measured, all)];
    }),
  );
}

const verdictOn = (goal: Goal | undefined, measured: Measured, all: Measured[]): string =>
  goal ? `${mark(isMet(goal, measured, all))} ${spelt(goal, measured.figure.unit)}` : '';
const cell = (samples: Samples): string =>
  Array.isArray(samples) ? threeDigits(middleOf(samples)) : `– (${samples.lacks})`;
const mark = (met: boolean | undefined): string => (met === undefined ? '–' : met ? '✓' : '✗');
function spelt(goal: Goal, unit: string): string {
  if ('below' in goal) return `< ${goal.below} ${unit}`;
  if ('above' in goal) return `> ${goal.above.toLocaleString('en-US')} ${unit}`;
  return `${+goal.times.toFixed(2)} × ${goal.of}${goal.at ? ` at ${goal.at}` : ''}`;
}

function markdown(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) => Math.max(title.length, 3, ...rows.map((row) => row[column].length)));
  const line = (cells: string[]) =>
    `| ${cells.map((text, column) => (column ? text.padStart(widths[column]) : text.padEnd(widths[column]))).join(' | ')} |`;
  const rule = widths.map((width, column) => (column ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [head, rule, ...rows].map((cells) => line(cells)).join('\n');
}
