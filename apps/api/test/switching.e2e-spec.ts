import { getRepositoryToken } from '@nestjs/typeorm';
import { Client } from 'pg';
import type { QueryRunner, Repository } from 'typeorm';
import { type AppendOnlyEntity, AppendOnlyService, appendOnlyTable, standardTable } from '@app/append-only';
import { Cursors } from '@app/crud';
import { currentUnit, withAdmin } from '@app/database';
import { aBook, Book, BooksService } from '@app/domain';
import { closeApi, openApi, startApi, TestApi, testSettings } from '@app/testing';
import { books, reviews, Values } from './models';
import { withRival } from './rival';

type KeptBook = Book & AppendOnlyEntity;

/** Books, as a release has them that made them append-only. */
class KeptBooks extends AppendOnlyService<KeptBook> {
  constructor(
    repository: Repository<KeptBook>,
    protected override readonly cursors: Cursors,
  ) {
    super(repository);
  }
}

let api: TestApi;
let kept: KeptBooks;
let standard: BooksService;
beforeAll(async () => {
  api = await startApi();
  kept = new KeptBooks(
    api.app.get(getRepositoryToken(Book), { strict: false }),
    api.app.get(Cursors, { strict: false }),
  );
  standard = api.app.get(BooksService, { strict: false });
});
afterAll(() => api.close());

/** Runs `work` as a migration of the tenant would be: as the owner of all schemas, in one transaction. */
const migrate = (work: (runner: QueryRunner, client: Client) => Promise<void>): Promise<void> =>
  withAdmin(api.adminUrl, async (client) => {
    await client.query(`SET search_path TO ${api.prefix}t_demo; SET ROLE ${api.prefix}owner; BEGIN`);
    const query = async (text: string) => (await client.query(text)).rows;
    await work({ query } as unknown as QueryRunner, client);
    await client.query('COMMIT');
  });
const asAdmin = <T>(work: (client: Client) => Promise<T>): Promise<T> =>
  withAdmin(api.adminUrl, async (client) => {
    await client.query(`SET search_path TO ${api.prefix}t_demo`);
    return work(client);
  });
const sql = <R extends Values>(text: string): Promise<R[]> =>
  api.inTenant(() => currentUnit().manager.query<R[]>(text));
/** When the last version came to be, once that is past. */
const now = async (): Promise<Date> => {
  for (;;) {
    const [{ at, isPast }] = await sql(
      `SELECT at, date_trunc('milliseconds', clock_timestamp()) > at AS "isPast" FROM (SELECT max(valid_from) AS at FROM book_versions) AS v`,
    );
    if (isPast) return at;
  }
};
const all = async (asOf?: Date): Promise<Book[]> =>
  (await api.inTenant(() => kept.readPage({ asOf, sort: [{ field: 'id', descending: false }] }))).items;
const historyOf = (id: string) => api.inTenant(() => kept.readHistory(id));

it('a model with data becomes append-only, becomes standard again, and goes on with its history', async () => {
  const [first, second, third] = await api.inTenant(async () => {
    const [one, two, three] = [aBook({ name: 'A' }), aBook({ name: 'B' }), aBook({ name: 'C' })];
    return [await standard.createOne(one), await standard.createOne(two), await standard.createOne(three)];
  });
  await api.inTenant(() => standard.updateOne(second.id, { name: 'B2' }));
  const [{ at: beforehand }] = await sql<{ at: Date }>('SELECT clock_timestamp() AS at');

  await migrate((runner) => appendOnlyTable(runner, 'book'));
  const atFirst = await now();
  const before = await api.inTenant(() => kept.readMany([first.id, second.id, third.id]));
  expect(await all()).toEqual(before.items.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
  expect(await all(atFirst)).toEqual(await all());
  expect(await all(new Date(beforehand.getTime() - 1))).toEqual([]); // nothing is known of that time
  const [{ user }] = await withAdmin(
    api.adminUrl,
    async (client) => (await client.query('SELECT session_user AS user')).rows,
  );
  expect((await historyOf(second.id)).items).toMatchObject([
    { deleted: false, actor: `database:${user}`, requestId: null, record: { name: 'B2', version: 2 } },
  ]);

  await api.inTenant(async () => {
    await kept.updateOne(second.id, { name: 'B3' });
    await kept.deleteOne(third.id);
  });
  const older = `INSERT INTO book_versions (id, identifier, name, author, version) SELECT id, identifier, 'before', author, 1 FROM book WHERE id = '${second.id}'`;
  await expect(sql(older)).rejects.toMatchObject({ driverError: { code: '40001' } });
  const refused = api.inTenant(() => standard.updateOne(first.id, { name: 'past its versions' }));
  await expect(refused).rejects.toMatchObject({ driverError: { code: '42501' } });
  await api.http.get(`${books.path}/${first.id}`).expect(200); // as a process of the release before does
  await api.http.patch(`${books.path}/${first.id}`).send({ name: 'past its versions' }).expect(500);
  const [atSecond, asKept] = [await now(), await all()];

  await migrate((runner) => standardTable(runner, 'book'));
  await api.inTenant(async () => {
    await standard.updateMany([{ id: first.id, name: 'A2' }]);
    await standard.updateOne(first.id, { name: 'A3' });
    await standard.deleteOne(second.id);
    await standard.createOne(aBook({ name: 'D' }));
  });
  const asStandard = await sql('SELECT id, name, version FROM book ORDER BY id');

  await migrate((runner) => appendOnlyTable(runner, 'book'));
  const atThird = await now();
  expect(await sql('SELECT id, name, version FROM book ORDER BY id')).toEqual(asStandard);
  expect((await all(atThird)).map(({ id, name, version }) => ({ id, name, version }))).toEqual(asStandard);
  expect(await all(atSecond)).toEqual(asKept);
  const versions = async (id: string) =>
    (await historyOf(id)).items.map(({ record, deleted }) => [record.version, record.name, deleted]);
  expect(await versions(first.id)).toEqual([
    [3, 'A3', false],
    [1, 'A', false],
  ]);
  expect(await versions(second.id)).toEqual([
    [4, 'B3', true],
    [3, 'B3', false],
    [2, 'B2', false],
  ]);
  await api.inTenant(() => kept.revertOne(second.id, 2));
  await api.inTenant(() => kept.updateOne(first.id, { name: 'A4' }));
  expect((await versions(second.id))[0]).toEqual([5, 'B2', false]);
  expect((await versions(first.id))[0]).toEqual([4, 'A4', false]);

  await migrate(async (runner) => {
    await standardTable(runner, 'book');
    await runner.query('DROP TABLE book_versions');
  });
  await api.http.patch(`${books.path}/${first.id}`).send({ name: 'A5' }).expect(200);
});

describe('a table that is append-only', () => {
  beforeEach(() =>
    migrate(async (runner) => {
      await runner.query(`
        CREATE TABLE wish (id uuid PRIMARY KEY, text varchar(5) NOT NULL, book_id uuid REFERENCES book,
          created_at timestamptz(3) NOT NULL DEFAULT now(), updated_at timestamptz(3) NOT NULL DEFAULT now(), version int NOT NULL)`);
      await appendOnlyTable(runner, 'wish');
    }),
  );
  afterEach(() => migrate(async (runner) => void (await runner.query('DROP TABLE wish, wish_versions'))));

  it('takes on columns that are added and changed, in what was there before as well', async () => {
    await sql(`INSERT INTO wish_versions (id, text, version) VALUES (gen_random_uuid(), 'long', 1)`);
    await migrate(async (runner) => {
      await runner.query(`ALTER TABLE wish ADD urgency int NOT NULL DEFAULT 3, ALTER text TYPE text`);
      await appendOnlyTable(runner, 'wish');
    });
    await sql(`INSERT INTO wish_versions (id, text, urgency, version) SELECT id, 'longer', 5, 2 FROM wish`);
    expect(await sql('SELECT text, urgency, version FROM wish')).toEqual([{ text: 'longer', urgency: 5, version: 2 }]);
    expect(await sql('SELECT text, urgency FROM wish_versions ORDER BY version')).toEqual([
      { text: 'long', urgency: 3 },
      { text: 'longer', urgency: 5 },
    ]);
  });

  it('takes on that a column has gone, which stays in what was', async () => {
    await sql(`INSERT INTO wish_versions (id, text, version) VALUES (gen_random_uuid(), 'A', 1)`);
    await migrate(async (runner) => {
      await runner.query('ALTER TABLE wish DROP text');
      await appendOnlyTable(runner, 'wish');
    });
    await sql('INSERT INTO wish_versions (id, version) SELECT id, 2 FROM wish');
    expect(await sql('SELECT text FROM wish_versions ORDER BY version')).toEqual([{ text: 'A' }, { text: null }]);
  });

  it('has in every version what a new column says of the record, whatever its default was and is', async () => {
    await sql(
      `INSERT INTO wish_versions (id, text, version) VALUES (gen_random_uuid(), 'A', 1), (gen_random_uuid(), 'B', 1)`,
    );
    await sql(`INSERT INTO wish_versions (id, text, version) SELECT id, 'C', 2 FROM wish WHERE text = 'B'`);
    await migrate(async (runner) => {
      await runner.query(
        'ALTER TABLE wish ADD code uuid NOT NULL DEFAULT gen_random_uuid(), ADD tax int NOT NULL DEFAULT 7',
      );
      await runner.query('ALTER TABLE wish ALTER tax DROP DEFAULT');
      await appendOnlyTable(runner, 'wish');
    });
    const versions =
      'SELECT v.text, v.tax, v.code = w.code AS "isSame" FROM wish_versions AS v JOIN wish AS w USING (id) ORDER BY text';
    expect(await sql(versions)).toEqual(['A', 'B', 'C'].map((text) => ({ text, tax: 7, isSame: true })));
    const lacking = `INSERT INTO wish_versions (id, text, version) VALUES (gen_random_uuid(), 'D', 1)`;
    await expect(sql(lacking)).rejects.toMatchObject({ driverError: { code: '23502' } }); // the table says so, and no default is left
  });

  it('gets a new version of each record that changed and was not counted up', async () => {
    await sql(
      `INSERT INTO wish_versions (id, text, version) VALUES (gen_random_uuid(), 'A', 1), (gen_random_uuid(), 'B', 1)`,
    );
    const [{ id }] = await sql<{ id: string }>(`SELECT id FROM wish WHERE text = 'B'`);
    await migrate((runner) => standardTable(runner, 'wish'));
    await sql(`UPDATE wish SET text = 'B2' WHERE id = '${id}'`);
    await migrate((runner) => appendOnlyTable(runner, 'wish'));
    expect(await sql('SELECT text, version FROM wish ORDER BY text')).toEqual([
      { text: 'A', version: 1 },
      { text: 'B2', version: 2 },
    ]);
    const again = 'ALTER TABLE wish DROP text, ADD text text';
    await migrate(async (runner) => {
      await runner.query(again);
      await appendOnlyTable(runner, 'wish');
    });
    expect(await sql(`SELECT text, version FROM wish_versions WHERE id = '${id}' ORDER BY version`)).toEqual([
      { text: 'B', version: 1 },
      { text: 'B2', version: 2 },
      { text: null, version: 3 },
    ]);
    await migrate((runner) => standardTable(runner, 'wish'));
    await sql(`DELETE FROM wish WHERE id = '${id}'; INSERT INTO wish (id, text, version) VALUES ('${id}', 'back', 1)`);
    await migrate((runner) => appendOnlyTable(runner, 'wish'));
    expect(await sql(`SELECT text, version FROM wish WHERE id = '${id}'`)).toEqual([{ text: 'back', version: 4 }]);
    await sql(`INSERT INTO wish_versions (id, text, version) VALUES ('${id}', 'next', 5)`);
  });

  it('misses nothing that is written while it becomes so', async () => {
    await migrate((runner) => standardTable(runner, 'wish'));
    await withRival(api, async (rival) => {
      await rival.run(`INSERT INTO wish (id, text, version) VALUES (gen_random_uuid(), 'late', 1)`);
      const migrated = migrate((runner) => appendOnlyTable(runner, 'wish'));
      await rival.blocks(1);
      await rival.commit();
      await migrated;
    });
    expect(await sql('SELECT text FROM wish_versions')).toEqual([{ text: 'late' }]);
    await sql(`INSERT INTO wish_versions (id, text, version) SELECT id, 'later', 2 FROM wish`);
  });

  it('gives nobody more rights than they had', async () => {
    const reader = `${api.prefix}reader`;
    const rights = () =>
      asAdmin(async (client) => {
        const { rows } = await client.query<{ rights: string }>(
          `SELECT string_agg(privilege_type, ' ' ORDER BY privilege_type) AS rights FROM pg_class, aclexplode(relacl)
            WHERE oid = 'wish'::regclass AND grantee IN ($1::regrole, 0) GROUP BY grantee`,
          [reader],
        );
        return rows;
      });
    await asAdmin((client) => client.query(`CREATE ROLE ${reader}; GRANT SELECT ON wish TO ${reader}, PUBLIC`));
    await migrate((runner) => standardTable(runner, 'wish'));
    await migrate((runner) => appendOnlyTable(runner, 'wish'));
    await migrate((runner) => standardTable(runner, 'wish'));
    expect(await rights()).toEqual([{ rights: 'SELECT' }, { rights: 'SELECT' }]);
    await sql(
      `INSERT INTO wish (id, text, version) VALUES (gen_random_uuid(), 'A', 1); UPDATE wish SET text = 'B'; DELETE FROM wish`,
    );
    await expect(
      sql(`INSERT INTO wish_versions (id, text, version) VALUES (gen_random_uuid(), 'A', 1)`),
    ).rejects.toThrow('wish_versions is append-only: INSERT is refused to everyone.');
  });

  const CHILD = `INSERT INTO wish_versions (id, text, book_id, version) VALUES (gen_random_uuid(), 'A', $1, 1)`;
  const bookWithWish = async (): Promise<string> => {
    const { id } = (await api.http.post(books.path).send(aBook()).expect(201)).body;
    await sql(CHILD.replace('$1', `'${id}'`));
    return id;
  };

  it('keeps what it refers to from going', async () => {
    await expect(sql(`DELETE FROM book WHERE id = '${await bookWithWish()}'`)).rejects.toMatchObject({
      driverError: { code: '23503' },
    });
  });

  it.each(['CASCADE', 'SET NULL', 'SET DEFAULT'])(
    'cannot have a foreign key ON DELETE %s, and is not rewritten by one that comes later',
    async (act) => {
      const id = await bookWithWish();
      const change = `ALTER TABLE wish DROP CONSTRAINT wish_book_id_fkey, ADD CONSTRAINT rewrites FOREIGN KEY (book_id) REFERENCES book ON DELETE ${act}`;
      await migrate(async (runner) => void (await runner.query(change)));
      await expect(sql(`DELETE FROM book WHERE id = '${id}'`)).rejects.toMatchObject({
        driverError: { code: '42501' },
      });
      await expect(migrate((runner) => appendOnlyTable(runner, 'wish'))).rejects.toThrow(
        'wish cannot be append-only with the foreign key rewrites, which would rewrite its rows: make it ON DELETE RESTRICT.',
      );
    },
  );

  it('sorts as before in what was', async () => {
    await migrate(async (runner) => {
      await runner.query('ALTER TABLE wish ADD name text COLLATE "C"');
      await appendOnlyTable(runner, 'wish');
    });
    await sql(
      `INSERT INTO wish_versions (id, text, name, version) VALUES (gen_random_uuid(), '', 'a', 1), (gen_random_uuid(), '', 'B', 1)`,
    );
    for (const table of ['wish', 'wish_versions'])
      expect(await sql(`SELECT name FROM ${table} ORDER BY name`)).toEqual([{ name: 'B' }, { name: 'a' }]);
  });

  it.each(['int GENERATED ALWAYS AS (version * 2) STORED', 'int GENERATED BY DEFAULT AS IDENTITY'])(
    'cannot have a column that Postgres makes: %s',
    async (type) => {
      const made = migrate(async (runner) => {
        await runner.query(`ALTER TABLE wish ADD made ${type}`);
        await appendOnlyTable(runner, 'wish');
      });
      await expect(made).rejects.toThrow('wish cannot be append-only with made, which Postgres would generate anew');
    },
  );

  it('cannot have a column that its versions need for themselves', async () => {
    const made = migrate(async (runner) => {
      await runner.query('CREATE TABLE play (id uuid PRIMARY KEY, actor text, version int)');
      await appendOnlyTable(runner, 'play');
    });
    await expect(made).rejects.toThrow('play cannot be append-only with a column actor: its versions need that name.');
  });

  it('cannot have a name that leaves no room for that of its versions', async () => {
    const name = 'w'.repeat(55);
    const made = migrate(async (runner) => {
      await runner.query(`CREATE TABLE ${name} (id uuid PRIMARY KEY, version int)`);
      await appendOnlyTable(runner, name);
    });
    await expect(made).rejects.toThrow(`${name}_versions`);
  });
});

describe('a process of the release before a column was added', () => {
  beforeAll(() =>
    migrate(async (runner) => {
      await runner.query(`ALTER TABLE review ADD note text DEFAULT 'none', ADD tags text[] NOT NULL DEFAULT '{}'`);
      await appendOnlyTable(runner, 'review');
    }),
  );
  afterAll(() =>
    migrate(async (runner) => {
      await runner.query('ALTER TABLE review DROP note, DROP tags');
      await appendOnlyTable(runner, 'review');
    }),
  );

  it('leaves alone what it does not know of, whatever it writes', async () => {
    const make = await reviews.prepare(api);
    const values = make({ title: 'A' });
    const { id } = (await api.http.post(reviews.path).send(values).expect(201)).body;
    const said = () => sql(`SELECT title, note, tags FROM review WHERE id = '${id}'`);
    expect(await said()).toEqual([{ title: 'A', note: 'none', tags: [] }]);
    await sql(`INSERT INTO review_versions (id, title, critic_id, book_id, rating, version, note, tags)
               SELECT id, title, critic_id, book_id, rating, version + 1, 'precious', '{a,b}' FROM review WHERE id = '${id}'`);
    const one = `${reviews.path}/${id}`;
    await api.http.patch(one).send({ title: 'B' }).expect(200);
    expect(await said()).toEqual([{ title: 'B', note: 'precious', tags: ['a', 'b'] }]);
    await api.http
      .put(`${reviews.path}/bulk`)
      .send([{ ...values, title: 'C' }])
      .expect(200);
    await api.http.delete(one).expect(204);
    await api.http.post(`${one}/revert`).send({ version: 3 }).expect(200);
    expect(await said()).toEqual([{ title: 'B', note: 'precious', tags: ['a', 'b'] }]);
    expect(await sql(`SELECT FROM review_versions WHERE id = '${id}' AND written IS NOT NULL`)).toEqual([]);
  });

  it('starts again', async () => {
    const { app } = await openApi(testSettings({ SCHEMA_PREFIX: api.prefix }));
    await closeApi(app);
  });
});

describe('an API whose tables are not what its append-only models take', () => {
  const start = () => openApi(testSettings({ SCHEMA_PREFIX: api.prefix }));
  const NEEDED = /^Review is an AppendOnlyEntity, and in the tenant demo .* appendOnlyTable\(runner, 'review'\)/;

  it.each([
    ['nobody made them so', (runner: QueryRunner) => standardTable(runner, 'review')],
    [
      'a guard sleeps',
      (runner: QueryRunner) => runner.query('ALTER TABLE review_versions DISABLE TRIGGER append_only_guard'),
    ],
    [
      'a column is left out',
      (runner: QueryRunner) =>
        runner.query(
          `CREATE OR REPLACE TRIGGER append_only_project AFTER INSERT ON review_versions REFERENCING NEW TABLE AS new_rows
         FOR EACH STATEMENT EXECUTE FUNCTION review_project('{id,title}')`,
        ),
    ],
  ])('does not start where %s, and says what to type', async (_what, spoil) => {
    await migrate(async (runner) => void (await spoil(runner)));
    await expect(start()).rejects.toThrow(NEEDED);
    await migrate(async (runner) => {
      await runner.query('ALTER TABLE review_versions ENABLE TRIGGER ALL');
      await appendOnlyTable(runner, 'review');
    });
    const { app } = await start();
    await closeApi(app);
  });
});

describe('with TENANT_ROLES=off', () => {
  let weak: TestApi;
  beforeAll(async () => (weak = await startApi({ TENANT_ROLES: 'off' })));
  afterAll(() => weak.close());

  it('versions are kept, and not rewritten by mistake', async () => {
    const make = await reviews.prepare(weak);
    const { body } = await weak.http
      .post(reviews.path)
      .send(make({ title: 'A' }))
      .expect(201);
    await weak.http.patch(`${reviews.path}/${body.id}`).send({ title: 'B' }).expect(200);
    await weak.http.delete(`${reviews.path}/${body.id}`).expect(204);
    await weak.http.post(`${reviews.path}/${body.id}/revert`).send({ version: 1 }).expect(200);
    const { body: history } = await weak.http.get(`${reviews.path}/${body.id}/history`).expect(200);
    expect(history.items.map(({ record }: Values) => record.title)).toEqual(['A', 'B', 'B', 'A']);
    for (const text of ['UPDATE review SET rating = 1', 'DELETE FROM review_versions', 'TRUNCATE review'])
      await expect(weak.inTenant(() => currentUnit().manager.query(text))).rejects.toMatchObject({
        driverError: { code: '42501' },
      });
  });
});
