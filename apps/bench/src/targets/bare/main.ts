import Fastify, { FastifyError, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Pool } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { v7 as uuidv7 } from 'uuid';
import { copyLines, NewBook } from './copy-lines';
import * as schema from './schemas';
import * as sql from './statements';

type Body<T> = { Body: T };

const { PORT, DATABASE_URL } = process.env;
const pool = new Pool({ connectionString: DATABASE_URL, max: 10 });
const app = Fastify({
  bodyLimit: 32 * 1024 * 1024,
  ajv: { customOptions: { removeAdditional: false } }, // an unknown field is refused, not dropped
});

app.setErrorHandler<FastifyError>((error, _request, reply) => {
  const status = error.code === '23505' ? 409 : (error.statusCode ?? 500);
  return reply.status(status).send({ message: status === 500 ? 'Internal error' : error.message });
});
app.addContentTypeParser('application/x-ndjson', (_request, body, done) => done(null, body)); // read as it arrives

app.get('/health/ready', () => pool.query('SELECT 1').then(() => ({ status: 'ready' })));

app.get<{ Params: { id: string } }>(
  '/api/v1/books/:id',
  { schema: { params: schema.byId, response: { 200: schema.book } } },
  async ({ params }, reply) => {
    const { rows } = await pool.query({ ...sql.readOne, values: [params.id] });
    return rows[0] ?? reply.status(404).send({ message: 'There is no such book.' });
  },
);

app.get<{ Querystring: { limit: number; cursor?: string } }>(
  '/api/v1/books',
  { schema: { querystring: schema.pageQuery, response: { 200: schema.page } } },
  async ({ query: { limit, cursor } }) => {
    const { rows } = await pool.query(
      cursor
        ? { ...sql.nextPage, values: [limit, ...JSON.parse(Buffer.from(cursor, 'base64url').toString())] }
        : { ...sql.firstPage, values: [limit] },
    );
    const last = rows.length === limit ? rows[limit - 1] : undefined;
    const nextCursor = last ? Buffer.from(JSON.stringify([last.createdAt, last.id])).toString('base64url') : null;
    return { items: rows, nextCursor };
  },
);

app.post<Body<NewBook>>(
  '/api/v1/books',
  { schema: { body: schema.newBook, response: { 201: schema.book } } },
  async ({ body: { identifier, name, author, releaseYear } }, reply) => {
    const { rows } = await pool.query({
      ...sql.createOne,
      values: [uuidv7(), identifier, name, author, releaseYear ?? null],
    });
    return reply.status(201).send(rows[0]);
  },
);

app.post<Body<NewBook[]>>(
  '/api/v1/books/bulk',
  { schema: { body: schema.newBooks, response: { 201: schema.written } } },
  async ({ body }, reply) => {
    const ids = body.map(() => uuidv7());
    await pool.query({ ...sql.createMany, values: [ids, ...columns(body)] });
    return reply.status(201).send({ count: ids.length, ids });
  },
);

app.put<Body<NewBook[]>>(
  '/api/v1/books/bulk',
  { schema: { body: schema.newBooks, response: { 200: schema.written } } },
  async ({ body }) => {
    const { rows } = await pool.query({ ...sql.upsertMany, values: [body.map(() => uuidv7()), ...columns(body)] });
    return { count: rows.length, ids: rows.map(({ id }) => id) };
  },
);

app.patch<Body<(Partial<NewBook> & { id: string })[]>>(
  '/api/v1/books/bulk',
  { schema: { body: schema.changes, response: { 200: schema.written } } },
  async ({ body }) => {
    const { rows } = await pool.query({ ...sql.updateMany, values: [body.map(({ id }) => id), ...columns(body)] });
    return { count: rows.length, ids: rows.map(({ id }) => id) };
  },
);

app.post('/api/v1/books/import', async (request: FastifyRequest) => {
  const isValid = request.compileValidationSchema(schema.newBook);
  const client = await pool.connect();
  try {
    const copy = client.query(copyFrom(sql.importAll));
    await pipeline(copyLines(request.body as Readable, isValid), copy);
    return { count: copy.rowCount };
  } finally {
    client.release();
  }
});

app.get('/api/v1/books/export', async (_request, reply) => {
  const client = await pool.connect();
  const rows = client.query(copyTo(sql.exportAll));
  rows.once('close', () => client.release(!rows.readableEnded)); // whoever leaves midway takes the connection along
  return reply.type('application/x-ndjson').send(rows);
});

/** The columns of many books besides their ids, one array each, as unnest takes them. */
const columns = (books: Partial<NewBook>[]) => [
  books.map(({ identifier }) => identifier),
  books.map(({ name }) => name),
  books.map(({ author }) => author),
  books.map(({ releaseYear }) => releaseYear),
];

void app.listen({ port: Number(PORT) });
process.once('SIGTERM', () => void app.close().then(() => pool.end()));
