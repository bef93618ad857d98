const COLUMNS = `id, identifier, name, author, release_year AS "releaseYear", average_rating AS "averageRating",
  created_at AS "createdAt", updated_at AS "updatedAt", version`;
const GIVEN = `unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[])
  AS i (id, identifier, name, author, release_year)`;
const INSERT = `INSERT INTO book (id, identifier, name, author, release_year, version)`;

/** A statement that Postgres parses and plans once a connection. */
const named = (name: string, text: string) => ({ name, text });

export const readOne = named('read-one', `SELECT ${COLUMNS} FROM book WHERE id = $1`);
export const firstPage = named('first-page', `SELECT ${COLUMNS} FROM book ORDER BY created_at, id LIMIT $1`);
export const nextPage = named(
  'next-page',
  `SELECT ${COLUMNS} FROM book WHERE (created_at, id) > ($2::timestamptz, $3::uuid) ORDER BY created_at, id LIMIT $1`,
);
export const createOne = named('create-one', `${INSERT} VALUES ($1, $2, $3, $4, $5, 1) RETURNING ${COLUMNS}`);
export const createMany = named('create-many', `${INSERT} SELECT *, 1 FROM ${GIVEN}`);
export const upsertMany = named(
  'upsert-many',
  `INSERT INTO book AS t (id, identifier, name, author, release_year, version) SELECT *, 1 FROM ${GIVEN}
   ON CONFLICT (identifier) DO UPDATE
     SET name = excluded.name, author = excluded.author, release_year = excluded.release_year,
         updated_at = now(), version = t.version + 1
   RETURNING id`,
);
export const updateMany = named(
  'update-many',
  `UPDATE book AS t
      SET identifier = coalesce(i.identifier, t.identifier), name = coalesce(i.name, t.name),
          author = coalesce(i.author, t.author), release_year = coalesce(i.release_year, t.release_year),
          updated_at = now(), version = t.version + 1
     FROM ${GIVEN} WHERE t.id = i.id RETURNING t.id`,
);

export const importAll = 'COPY book (id, identifier, name, author, release_year, version) FROM STDIN';
// As CSV whose quote and delimiter no JSON contains: the text format would double the backslashes of JSON.
export const exportAll = `COPY (SELECT row_to_json(b) FROM (SELECT ${COLUMNS} FROM book ORDER BY created_at, id) AS b)
  TO STDOUT (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')`;
