import { isUUID } from 'class-validator';
import { Kind, ListField, Operator } from './list-fields';
import { Condition } from './list-query';
import { Misspelt, Parameter, SchemaObject } from './parameters';

const MOST_VALUES = 200; // of one `in`: as many as a page can hold
const LONGEST_TEXT = 1_000; // characters of one value: Postgres compares more, but no index entry is longer than 2,700 bytes
const SEARCHABLE = /(\\?[\p{L}\p{M}\p{N}]){3}/u; // an index of trigrams knows nothing shorter, and no punctuation

/** A parameter for every way to filter by every field: `filter[releaseYear][gte]`. */
export const filterParameters = (fields: ListField[]): Parameter[] =>
  fields.flatMap((field) => field.operators.map((operator) => filterParameter(field, operator)));

function filterParameter(field: ListField, operator: Operator): Parameter {
  const name = `filter[${field.name}][${operator}]`;
  const value = { ...SCHEMAS[field.kind], ...(field.values && { enum: field.values }) } as SchemaObject;
  const condition = (values: unknown[]): Condition => ({ field: field.name, operator, values });
  const described = { name, description: `${field.name} ${MEANINGS[operator]}.`, into: 'filter' as const };

  switch (operator) {
    case 'null':
      return { ...described, schema: { type: 'boolean' }, read: ([text]) => condition([readKind(name, FLAG, text)]) };
    case 'in':
    case 'nin':
      return {
        ...described,
        schema: { type: 'array', items: value, maxItems: MOST_VALUES },
        read: (texts) => {
          if (texts.length > MOST_VALUES) throw new Misspelt('max', `${name} takes at most ${MOST_VALUES} values.`);
          return condition(texts.map((text) => readKind(name, field, text)));
        },
      };
    case 'between':
      return {
        ...described,
        schema: { type: 'array', items: value, minItems: 2, maxItems: 2 },
        read: (texts) => {
          if (texts.length !== 2) throw new Misspelt('between', `${name} must be given twice: the least and the most.`);
          return condition(texts.map((text) => readKind(name, field, text)));
        },
      };
    case 'like':
    case 'ilike':
      return {
        ...described,
        schema: value,
        read: ([text]) => condition([pattern(name, readKind(name, field, text) as string)]),
      };
    default:
      return { ...described, schema: value, read: ([text]) => condition([readKind(name, field, text)]) };
  }
}

/** A parameter that is one time. */
export const time = (name: string, description: string): Parameter => ({
  name,
  description,
  schema: { ...SCHEMAS.time, example: '2026-11-22T12:00:00.000Z' } as SchemaObject,
  read: ([text]) => readKind(name, { kind: 'time' }, text),
});

const MEANINGS: Record<Operator, string> = {
  eq: 'is this',
  ne: 'is not this, or is null',
  gt: 'is more than this',
  gte: 'is this or more',
  lt: 'is less than this',
  lte: 'is this or less',
  in: 'is one of these',
  nin: 'is none of these, or is null',
  between: 'lies between these two, or is one of them',
  like: 'matches this pattern, in which % stands for any text and _ for any character',
  ilike: 'matches this pattern in upper or lower case, in which % stands for any text and _ for any character',
  null: 'is null, or with false: is not',
};

const SCHEMAS: Record<Kind, SchemaObject> = {
  text: { type: 'string', maxLength: LONGEST_TEXT },
  integer: { type: 'integer' },
  number: { type: 'number' },
  decimal: { type: 'string', format: 'decimal' },
  boolean: { type: 'boolean' },
  time: { type: 'string', format: 'date-time' },
  date: { type: 'string', format: 'date' },
  uuid: { type: 'string', format: 'uuid' },
  enum: { type: 'string' },
};

const FLAG: Pick<ListField, 'kind' | 'range' | 'values'> = { kind: 'boolean' };

/** The value that `text` spells: itself in most cases, for Postgres reads it once more, by the type of the column. */
function readKind(
  name: string,
  { kind, range, values }: Pick<ListField, 'kind' | 'range' | 'values'>,
  text: string,
): unknown {
  const demand = (isRight: boolean, code: string, what: string) => {
    if (!isRight) throw new Misspelt(code, `${name} must be ${what}.`);
  };
  switch (kind) {
    case 'text':
      demand(text.length <= LONGEST_TEXT, 'max_length', `at most ${LONGEST_TEXT} characters long`);
      demand(text.isWellFormed() && !text.includes('\0'), 'text', 'text without NUL characters');
      return text;
    case 'integer': {
      demand(/^[+-]?\d{1,20}$/.test(text), 'is_int', 'a whole number');
      const [least, most] = range!;
      demand(
        BigInt(text.replace('+', '')) >= least && BigInt(text.replace('+', '')) <= most,
        'range',
        `from ${least} to ${most}`,
      );
      return text;
    }
    case 'number':
      demand(
        /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?$/i.test(text) && Number.isFinite(Number(text)),
        'is_number',
        'a number',
      );
      return Number(text); // Postgres refuses a text too close to 0
    case 'decimal':
      demand(/^[+-]?(\d{1,500}(\.\d{0,500})?|\.\d{1,500})$/.test(text), 'is_decimal', 'a decimal number');
      return text;
    case 'boolean':
      demand(text === 'true' || text === 'false', 'is_boolean', 'true or false');
      return text === 'true';
    case 'time':
      demand(
        TIME.test(text) && isDay(text),
        'is_date',
        'a time of ISO 8601 with its zone, such as 2026-11-22T12:00:00Z',
      );
      return text;
    case 'date':
      demand(/^\d{4}-\d\d-\d\d$/.test(text) && isDay(text), 'is_date', 'a day such as 2026-11-22');
      return text;
    case 'uuid':
      demand(isUUID(text, 'loose'), 'is_uuid', 'a UUID');
      return text;
    case 'enum':
      demand(values!.includes(text), 'is_in', `one of: ${values!.join(', ')}`);
      return text;
  }
}

const TIME = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-4]):[0-5]\d)$/;

/** Whether the first ten characters name a day there is: not the 31st of February, nor any in the year 0. */
function isDay(text: string): boolean {
  const [year, month, day] = text.slice(0, 10).split('-').map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return year > 0 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

function pattern(name: string, text: string): string {
  if (/(^|[^\\])(\\\\)*\\$/.test(text)) throw new Misspelt('pattern', `${name} ends in a "\\" that escapes nothing.`);
  if (!SEARCHABLE.test(text)) throw new Misspelt('pattern', `${name} must hold at least 3 letters or digits in a row.`);
  return text;
}
