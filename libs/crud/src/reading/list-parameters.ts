import { LONGEST_CURSOR } from './cursors';
import { filterParameters, time } from './filter-parameters';
import { ListFields } from './list-fields';
import { Sort } from './list-query';
import { Misspelt, Parameter, SchemaObject } from './parameters';

const MOST_SORTED = 5; // fields: more than that, and an index can hardly help

/** The parameters of routes that read lists, each made for one model. */
export const pageParameters = (fields: ListFields): Parameter[] => [
  ...partParameters(),
  wholeNumber('offset', [0, 10_000], undefined, 'How many records to pass over; for long lists use `cursor`.'),
  sort(fields),
  ...oneParameters(fields),
  choice(
    'count',
    ['none', 'exact', 'estimated'],
    'Whether to count all records: `estimated` costs the same for any number.',
  ),
  ...selectionParameters(fields),
];

/** The parameters of every route that gives a part of something long. */
export const partParameters = (): Parameter[] => [
  wholeNumber('limit', [1, 200], 50, 'How much to read at most.'),
  text('cursor', 'The `nextCursor` of the page before, with everything else as it was there.'),
];

/** The parameters of the route that exports lists. */
export const exportParameters = (fields: ListFields): Parameter[] => [
  choice('format', ['ndjson', 'csv'], 'The format of the file; without: what `Accept` asks for, else ndjson.'),
  flag('raw', 'In CSV, text stays as it is even where a spreadsheet would run it as a formula.'),
  sort(fields),
  names('fields', fields.all, 'Only these fields of each record.'),
  ...asOf(fields),
  ...selectionParameters(fields),
];

/** The parameters of the route that imports files. */
export const importParameters = (): Parameter[] => [
  choice('mode', ['create', 'upsert'], '`upsert` changes the records whose natural key is taken; without: create.'),
  choice('onError', ['abort', 'skip'], '`skip` leaves bad lines out; without, one bad line and nothing is written.'),
  flag('dryRun', 'Answers as if it were written, and writes nothing.'),
  flag(
    'async',
    'Answers 202 as soon as the file has arrived: a job imports it, and `Location` says where to watch it.',
  ),
  flag('raw', 'In CSV, text is as it stands: no apostrophe was put before what a spreadsheet would run.'),
];

/** The parameters of the route that deletes what matches a filter. */
export const deleteParameters = (fields: ListFields): Parameter[] => [
  wholeNumber('maxAffected', [0, 1_000_000_000], undefined, 'Delete nothing if more records than that match.'),
  choice('confirm', ['all'], 'Must be said to delete without a filter.'),
  flag('dryRun', 'Answers as if they were deleted, and deletes nothing.'),
  ...filterParameters(fields.filter),
];

const selectionParameters = ({ isSoftDelete, filter }: ListFields): Parameter[] => [
  ...(isSoftDelete
    ? [choice('deleted', ['exclude', 'include', 'only'], 'Whether deleted records are in the list; without: not.')]
    : []),
  ...filterParameters(filter),
];

/** The parameters of routes that read one record. */
export const oneParameters = (fields: ListFields): Parameter[] => [
  names('fields', fields.all, 'Only these fields of each record, and its id.'),
  ...(fields.include.length
    ? [names('include', fields.include, 'Records it refers to, to be read along with it, as they are now.')]
    : []),
  ...asOf(fields),
];

const asOf = ({ keepsVersions }: ListFields): Parameter[] =>
  keepsVersions ? [time('asOf', 'Read what there was at this time, deleted since or not.')] : [];

const sort = ({ sort: fields, all }: ListFields): Parameter => ({
  name: 'sort',
  description: `Fields to sort by, each after those before it, "-" for descending; without: ${all.includes('createdAt') ? 'createdAt' : 'id'}.`,
  fallback: all.includes('createdAt') ? undefined : [{ field: 'id', descending: false }], // no order tells what is hidden
  schema: {
    type: 'array',
    items: { type: 'string', enum: fields.flatMap((field) => [field, `-${field}`]) },
    maxItems: MOST_SORTED,
    example: fields.slice(-1).map((field) => `-${field}`),
  },
  isJoined: true,
  read: ([spelt]) => {
    const sorts = spelt.split(',').map((part): Sort => {
      const descending = part.startsWith('-');
      return { field: descending ? part.slice(1) : part, descending };
    });
    if (sorts.length > MOST_SORTED) throw new Misspelt('max', `sort takes at most ${MOST_SORTED} fields.`);
    demandDistinct(
      'sort',
      sorts.map(({ field }) => field),
      fields,
    );
    return sorts;
  },
});

/** One of a few words. */
export const choice = (name: string, words: string[], description: string): Parameter => ({
  name,
  description,
  schema: { type: 'string', enum: words },
  read: ([spelt]) => {
    if (!words.includes(spelt)) throw new Misspelt('is_in', `${name} must be one of: ${words.join(', ')}.`);
    return spelt;
  },
});

export const flag = (name: string, description: string): Parameter => ({
  name,
  description,
  schema: { type: 'boolean' },
  read: ([spelt]) => {
    if (spelt !== 'true' && spelt !== 'false') throw new Misspelt('is_boolean', `${name} must be true or false.`);
    return spelt === 'true';
  },
});

export const wholeNumber = (
  name: string,
  [least, most]: [number, number],
  fallback: number | undefined,
  description: string,
): Parameter => ({
  name,
  description,
  schema: {
    type: 'integer',
    minimum: least,
    maximum: most,
    ...(fallback !== undefined && { default: fallback }),
  } as SchemaObject,
  read: ([spelt]) => {
    if (!/^-?\d+$/.test(spelt)) throw new Misspelt('is_int', `${name} must be a whole number.`);
    const value = Number(spelt);
    if (value < least) throw new Misspelt('min', `${name} must not be less than ${least}.`);
    if (value > most) throw new Misspelt('max', `${name} must not be greater than ${most}.`);
    return value;
  },
});

const text = (name: string, description: string): Parameter => ({
  name,
  description,
  schema: { type: 'string', maxLength: LONGEST_CURSOR },
  read: ([spelt]) => {
    if (spelt.length > LONGEST_CURSOR) throw new Misspelt('max_length', `${name} is too long.`);
    return spelt;
  },
});

/** Some names of a known set. */
const names = (name: string, known: string[], description: string): Parameter => ({
  name,
  description,
  schema: {
    type: 'array',
    items: { type: 'string', enum: known },
    uniqueItems: true,
    example: known.slice(0, 2),
  },
  isJoined: true,
  read: ([spelt]) => {
    const chosen = spelt.split(',');
    demandDistinct(name, chosen, known);
    return chosen;
  },
});

function demandDistinct(parameter: string, chosen: string[], known: string[]): void {
  for (const [index, field] of chosen.entries()) {
    if (!known.includes(field)) {
      throw new Misspelt(
        'unknown_field',
        `${parameter} cannot be "${field.slice(0, 50)}"; it knows ${known.join(', ')}.`,
      );
    }
    if (chosen.indexOf(field) < index) throw new Misspelt('duplicate', `${parameter} names ${field} twice.`);
  }
}
