import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner';
import { aBook, BooksService, CreateBookDto } from '@app/domain';
import { currentUnit, postgresError, withAdmin } from '@app/database';
import { startApi, TestApi } from '@app/testing';
import { books, Values } from './models';

const { path } = books;

let api: TestApi;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.close());
afterEach(() => jest.restoreAllMocks());

const count = (author: string): Promise<number> =>
  api.inTenant(async () => {
    const [{ n }] = await currentUnit().manager.query('SELECT count(*)::int AS n FROM book WHERE author = $1', [
      author,
    ]);
    return n;
  });

describe('writers that overlap', () => {
  const KEYS = 250;
  const ROUNDS = 2;
  const WRITERS = 4;
  let deadlocks: unknown[];

  // Rows are written so slowly that the writers meet in the middle of their statements.
  const table = () => `${api.prefix}t_demo.book`;
  beforeAll(() =>
    withAdmin(api.adminUrl, (client) =>
      client.query(`
        CREATE FUNCTION ${api.prefix}t_demo.take_time() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN PERFORM pg_sleep(0.0005); RETURN new; END $$;
        CREATE TRIGGER take_time BEFORE INSERT OR UPDATE ON ${table()} FOR EACH ROW EXECUTE FUNCTION ${api.prefix}t_demo.take_time()`),
    ),
  );
  afterAll(() => withAdmin(api.adminUrl, (client) => client.query(`DROP TRIGGER take_time ON ${table()}`)));

  // A deadlock is run again, and no answer tells of it; but each costs the second Postgres takes to see it.
  beforeEach(() => {
    deadlocks = [];
    const { query } = PostgresQueryRunner.prototype;
    jest.spyOn(PostgresQueryRunner.prototype, 'query').mockImplementation(async function (
      this: PostgresQueryRunner,
      ...args
    ) {
      try {
        return await query.apply(this, args as Parameters<typeof query>);
      } catch (error) {
        if (postgresError(error)?.code === '40P01') deadlocks.push(error);
        throw error;
      }
    });
  });
  afterEach(() => expect(deadlocks).toEqual([]));

  it('upserts in opposite order never deadlock, and all are applied', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const keys = Array.from({ length: KEYS }, (_key, n) => `round ${round}, ${n}`);
      const batches = Array.from({ length: WRITERS }, (_batch, writer) => {
        const own = keys.slice(writer * 20, KEYS - (WRITERS - writer) * 20); // each misses some of what the others have
        const items = own.map((identifier) => aBook({ identifier, author: `writer ${writer}`, releaseYear: writer }));
        return writer % 2 ? items.toReversed() : items;
      });
      for (const releaseYear of [undefined, null, 1984]) {
        // first they create, then they change
        const responses = await Promise.all(
          batches.map((items) => api.http.put(`${path}/bulk`).send(items.map((item) => ({ ...item, releaseYear })))),
        );
        for (const [writer, { status, body }] of responses.entries()) {
          expect({ status, count: body.count, body: status === 200 || body }).toEqual({
            status: 200,
            count: batches[writer].length,
            body: true,
          });
        }
        const created = responses.flatMap(({ body }) => body.results.filter((result: Values) => result.created));
        expect(created).toHaveLength(
          releaseYear === undefined ? new Set(batches.flat().map(({ identifier }) => identifier)).size : 0,
        );
      }
    }
  });

  it('changes and deletions in opposite order never deadlock', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const items = Array.from({ length: 100 }, () => aBook());
      const { ids } = (await api.http.post(`${path}/bulk`).send(items).expect(201)).body as { ids: string[] };
      const changes = ids.map((id, n) => ({ id, name: `Changed ${n}`, version: undefined }));
      const responses = await Promise.all([
        api.http.patch(`${path}/bulk`).send(changes),
        api.http.patch(`${path}/bulk`).send(changes.toReversed()),
        api.http.put(`${path}/bulk`).send(items.toReversed()),
      ]);
      expect(responses.map(({ status }) => status)).toEqual([200, 200, 200]);

      const deletions = await Promise.all(
        [ids, ids.toReversed()].map((list) => api.http.post(`${path}/bulk/delete`).send({ ids: list })),
      );
      expect(deletions.map(({ status }) => status).sort()).toEqual([200, 404]);
    }
  });
});

describe('a client that disconnects in the middle of a bulk request', () => {
  const ITEMS = 2_000;
  const bodyBy = (author: string): string => JSON.stringify(Array.from({ length: ITEMS }, () => aBook({ author })));

  async function open(body: string): Promise<Socket> {
    const { hostname, port } = new URL(api.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.on('error', () => undefined);
    socket.write(
      `POST ${path}/bulk HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: ${api.authorization}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`,
    );
    return socket;
  }
  const flushed = (socket: Socket, text: string) => new Promise<void>((resolve) => socket.write(text, () => resolve()));

  it('leaves nothing when it goes while uploading', async () => {
    const insert = jest.spyOn(api.app.get(BooksService, { strict: false }), 'createMany');
    const body = bodyBy('half');
    const socket = await open(body);
    await flushed(socket, body.slice(0, body.length / 2));
    socket.destroy();
    await once(socket, 'close');
    await api.http.get(path).expect(200); // by now the server has seen it go
    expect(insert).not.toHaveBeenCalled();
    expect(await count('half')).toBe(0);
  });

  it('leaves all or nothing when it goes just after sending', async () => {
    const service = api.app.get(BooksService, { strict: false });
    const createMany = service.createMany.bind(service);
    for (let round = 0; round < 5; round++) {
      const author = `gone ${round}`;
      let settled: Promise<unknown> | undefined;
      const begun = new Promise<void>((resolve) => {
        jest.spyOn(service, 'createMany').mockImplementation((...args) => {
          const outcomes = createMany(...args);
          settled = outcomes.catch(() => undefined);
          resolve();
          return outcomes;
        });
      });
      const body = bodyBy(author);
      const socket = await open(body);
      await flushed(socket, body);
      await begun;
      socket.destroy();
      expect([0, ITEMS]).toContain(await count(author)); // while it runs
      await settled;
      expect([0, ITEMS]).toContain(await count(author));
    }
    const created = await api.http.post(`${path}/bulk`).send([aBook()]); // and the connections are free
    expect(created.status).toBe(201);
  });
});

describe('a service that overrides a method', () => {
  it('leaves no row when it throws after super.createOne()', async () => {
    const service = api.app.get(BooksService, { strict: false });
    const createOne = service.createOne.bind(service);
    let created: Values = {};
    jest.spyOn(service, 'createOne').mockImplementation(async (values) => {
      created = await createOne(values);
      expect(await service.readOne(created.id)).toEqual(created); // it is there, inside
      throw new Error('a rule of the house');
    });
    const response = await api.http.post(path).send(aBook({ author: 'override' }));
    expect(response.status).toBe(500);
    expect(response.text).not.toContain('a rule of the house');
    expect(created.id).toBeDefined();
    await api.http.get(`${path}/${created.id}`).expect(404);
    expect(await count('override')).toBe(0);
  });

  it('leaves nothing of many when it throws after super.createMany()', async () => {
    const service = api.app.get(BooksService, { strict: false });
    const createMany = service.createMany.bind(service);
    jest.spyOn(service, 'createMany').mockImplementation(async (...args) => {
      await createMany(...args);
      throw new Error('a rule of the house');
    });
    for (const query of ['', '?mode=partial']) {
      const items: CreateBookDto[] = [aBook({ author: 'override' }), aBook({ author: 'override' })];
      expect((await api.http.post(`${path}/bulk${query}`).send(items)).status).toBe(500);
    }
    expect(await count('override')).toBe(0);
  });

  it('is asked for every write, single and bulk: a rule in createMany holds for createOne', async () => {
    const service = api.app.get(BooksService, { strict: false });
    const rule = jest.spyOn(service, 'createMany');
    await api.http.post(path).send(aBook()).expect(201);
    await api.http.post(`${path}/bulk`).send([aBook()]).expect(201);
    expect(rule).toHaveBeenCalledTimes(2);
  });
});
