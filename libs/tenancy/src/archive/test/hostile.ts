import { Client } from 'pg';

/** Tables that are hard to copy: of many types, named against the order of their foreign keys, with what fills itself. */
export const HOSTILE_TABLES = [
  `CREATE TYPE mood AS ENUM ('good', 'so so', '"bad"')`,
  `CREATE TABLE a_review (id uuid PRIMARY KEY, book_id uuid NOT NULL, text text)`,
  `CREATE TABLE z_book (id uuid PRIMARY KEY, name text)`,
  'ALTER TABLE a_review ADD FOREIGN KEY (book_id) REFERENCES z_book (id)',
  'CREATE TABLE tree (id int PRIMARY KEY, parent_id int REFERENCES tree (id))',
  'CREATE TABLE hen (id int PRIMARY KEY, egg_id int)',
  'CREATE TABLE egg (id int PRIMARY KEY, hen_id int REFERENCES hen (id))',
  'ALTER TABLE hen ADD FOREIGN KEY (egg_id) REFERENCES egg (id) DEFERRABLE',
  'CREATE TABLE empty (id int)',
  'CREATE TABLE seeded (id int PRIMARY KEY, text text)',
  'CREATE TABLE idempotency_key (id int)',
  `CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY, serial serial, text text, length int GENERATED ALWAYS AS (length(text)) STORED)`,
  'CREATE TABLE by_year (year int, text text) PARTITION BY LIST (year)',
  'CREATE TABLE by_year_2026 PARTITION OF by_year FOR VALUES IN (2026)',
  'CREATE TABLE log (id int)',
  `CREATE FUNCTION record() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN EXECUTE format(''INSERT INTO %I.log VALUES (%s)'', TG_TABLE_SCHEMA, NEW.id); RETURN NULL; END'`,
  'CREATE TRIGGER record AFTER INSERT ON tree FOR EACH ROW EXECUTE FUNCTION record()',
  'CREATE TRIGGER never AFTER INSERT ON tree FOR EACH ROW EXECUTE FUNCTION record()',
  'CREATE TRIGGER always AFTER UPDATE ON tree FOR EACH ROW EXECUTE FUNCTION record()',
  'ALTER TABLE tree DISABLE TRIGGER never, ENABLE ALWAYS TRIGGER always',
  `CREATE TABLE "Odd ""name"" \\ of'table" (
    id int PRIMARY KEY, "odd ""column"" \\ of'it" text, padded char(5), small smallint, big bigint, exact numeric, real float4,
    double float8, yes bool, day date, clock time, moment timestamptz, millis timestamptz(3), plain timestamp, span interval, bytes bytea,
    list text[], grid int[][], raw json, doc jsonb, feeling mood, feelings mood[], within int4range, at point, ip inet, bits bit(3),
    deleted_at timestamptz(3), version int)`,
];

const TEXTS = [
  '',
  'NULL',
  '\\N',
  '\\.',
  '\\',
  'a\tb\\tc',
  'one\ntwo\r\nthree\rfour',
  `"double" 'single' \`back\``,
  ',;|{}[]()',
  '\u2028 and \u2029 end a line for some, \u0085 \u000b \f too',
  '\u0001\u0002\u0007\u001b\u007f',
  'ä ß 漢字 🦊 👩‍👩‍👧 e\u0301 \ufeff',
  '{"end":{"rows":1}}\n{"table":"tree"}',
  '__proto__',
  'x'.repeat(100_000),
];

const NUMBERS = [
  ['-32768', '-9223372036854775808', '-0.000000000000000000000000000001', '-3.4028235e38', '-1.7976931348623157e308'],
  ['32767', '9223372036854775807', `1${'0'.repeat(40)}.50`, '1e-45', '5e-324'],
  ['0', '9007199254740993', 'NaN', 'NaN', '-0'],
  ['1', '1', 'Infinity', 'Infinity', '0.1'],
  [null, null, null, null, null],
];
const TIMES = [
  [
    '2026-02-28',
    '23:59:59.999999',
    '2026-11-23T06:41:46.123456+05:30',
    '2026-11-23 06:41:46.999',
    '1 year 2 mons -3 days 04:05:06.789',
  ],
  ['0044-03-15 BC', '00:00', '0044-03-15 12:00:00 BC', '2026-03-29 02:30:00', '-00:00:00.000001'],
  ['infinity', '24:00', '-infinity', 'infinity', '0'],
  ['5874897-12-31', '12:00', '1900-01-01T00:00:00+00:19:32', '294276-12-31 23:59:59', '178000000 years'],
  [null, null, null, null, null],
];
const OTHERS = [
  [
    '\\x',
    '{}',
    '{{1,2},{3,NULL}}',
    '{"b": 1,\n "a":  2, "a": 3.10}',
    '{"a":[1,{"b":null}],"big":12345678901234567890.10}',
  ],
  ['\\x00ff0a5c', '{NULL,"NULL","",",","\\"","a\\\\b","{}"}', '[0:1]={5,6}', ' null ', 'null'],
  [null, null, '{}', '"\\u0000"', '"\\u2028 ä"'],
  [null, null, null, null, null],
];

/** Fills the tables of the schema in `client`'s search_path with what is hard to copy. */
export async function fillHostile(client: Client): Promise<void> {
  await client.query(
    `INSERT INTO z_book SELECT gen_random_uuid(), 'b' || n FROM generate_series(1, 300) n;
     INSERT INTO a_review SELECT gen_random_uuid(), id, name FROM z_book;
     INSERT INTO tree VALUES (3, NULL), (1, 3), (2, 1);
     INSERT INTO hen VALUES (1, NULL); INSERT INTO egg VALUES (1, 1); UPDATE hen SET egg_id = 1;
     INSERT INTO seeded VALUES (2, 'by people'); DELETE FROM seeded WHERE id = 1;
     INSERT INTO idempotency_key VALUES (1);
     INSERT INTO numbered (text) VALUES ('one'), ('two'), (NULL); DELETE FROM numbered WHERE text = 'one';
     INSERT INTO by_year VALUES (2026, 'a'), (2026, 'b')`,
  );
  const table = client.escapeIdentifier(`Odd "name" \\ of'table`);
  for (const [n, text] of TEXTS.entries()) {
    const [small, big, exact, real, double] = NUMBERS[n % NUMBERS.length];
    const [day, clock, moment, plain, span] = TIMES[n % TIMES.length];
    const [bytes, list, grid, raw, doc] = OTHERS[n % OTHERS.length];
    const values = [n, text, n % 2 ? 'a b' : null, small, big, exact, real, double, n % 3 ? n % 3 === 1 : null];
    values.push(day, clock, moment, moment, plain, span, bytes, list, grid, raw, doc);
    values.push(
      n % 2 ? '"bad"' : null,
      '{"so so","\\"bad\\""}',
      n % 2 ? '[1,5)' : 'empty',
      '(0.1,-0)',
      '10.0.0.1/8',
      '101',
    );
    values.push(n % 2 ? '2026-11-23T06:41:46.789Z' : null, n);
    await client.query(`INSERT INTO ${table} VALUES (${values.map((_, i) => `$${i + 1}`).join(', ')})`, values);
  }
}
