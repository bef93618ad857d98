import { randomInt } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Client, Pool } from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { Passwords } from '@app/auth';
import { Database, withAdmin } from '@app/database';
import { closeApi, openApi, openTestDatabase, PgBouncer, signIn, testSettings, until } from '@app/testing';
import { migrationSets } from '../../../ormconfig';
import { atOnce, Crowd, Guest } from './crowd';
import { Errands, KINDS, makeErrands } from './errands';
import { PASSWORD } from './people';

const TENANTS = 100;
const REQUESTS = 3_000;
const CLIENTS = 24; // at once: more than any of the pools
const SERVERS = 3; // behind PgBouncer: fewer than the larger pool, so that transactions move between them
const SIGNED_IN = 5; // tenants that come with an access token; the others have an API key
const PATIENCE_MS = 120_000; // of a whole run, on a busy machine

// The title of a test says it; ISOLATION_SEED=… makes the same requests again.
const SEED = Number(process.env.ISOLATION_SEED) || randomInt(1, 2 ** 31 - 1);

let server: Database;
let crowd: Crowd;
beforeAll(async () => {
  server = await openTestDatabase(testSettings(), migrationSets, () => undefined);
  crowd = await Crowd.gather(server.adminUrl, TENANTS);
}, PATIENCE_MS);
afterAll(async () => {
  await crowd?.disperse();
  await server.release();
}, PATIENCE_MS);

const admin = <T>(work: (client: Client) => Promise<T>) => withAdmin(crowd.database.adminUrl, work);

/** What must hold whatever leads to Postgres, as `url` says; behind a pooler the connections at rest are its `servers`. */
function keepsTenantsApart(url: () => string, servers?: number): void {
  it.each([1, 10])(
    `keeps ${TENANTS} tenants apart in ${REQUESTS} requests on a pool of %i, seed ${SEED}`,
    async (poolSize) => {
      const settings = testSettings({ ...crowd.env(url()), DATABASE_POOL_SIZE: String(poolSize) });
      const { app: api, url: origin } = await openApi(settings);
      try {
        await signSomeIn(api, origin);
        const errands = new Errands(crowd, origin);
        const work = makeErrands(crowd.guests, REQUESTS, randomFrom(SEED));
        await atOnce(work, CLIENTS, (errand) => errands.carryOut(errand));
        await untilIdle();

        const { foreign, wrong, done, disturbed } = errands.ledger;
        expect({ foreign, wrong }).toEqual({ foreign: [], wrong: [] });
        expect(done.size).toBe(KINDS); // each went well at least once
        expect(disturbed).toBeLessThan(REQUESTS / 5); // or there was little to see
        for (const guest of crowd.guests) await hasItsOwn(guest, origin);
        const pool = servers ? new Pool({ connectionString: url(), max: servers }) : poolOf(api);
        const found = await atRest(pool);
        expect(found).toEqual(Array.from({ length: servers ?? poolSize }, () => NOBODYS(crowd.database)));
        if (servers) await pool.end();
      } finally {
        await closeApi(api);
      }
    },
    PATIENCE_MS,
  );
}

describe('Straight to Postgres, the API', () => keepsTenantsApart(() => crowd.database.appUrl));

if (!PgBouncer.program) process.stderr.write('Not tested behind PgBouncer, for it is not installed.\n');
(PgBouncer.program ? describe : describe.skip)('Behind PgBouncer in transaction mode, the API', () => {
  let bouncer: PgBouncer;
  beforeAll(async () => (bouncer = await PgBouncer.before(crowd.database.appUrl, SERVERS)));
  afterAll(() => bouncer?.stop());

  keepsTenantsApart(() => bouncer.url, SERVERS);
});

const randomFrom = (seed: number) => (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below; // minstd
const poolOf = (api: NestFastifyApplication) => (api.get(DataSource, { strict: false }).driver as PostgresDriver).master as Pool; // prettier-ignore
const NOBODYS = ({ names }: Database) => ({ login: names.app, path: '""', lockTimeout: '0' });

/** Gives some tenants' owners a password, and has them sign in with it. */
async function signSomeIn(api: NestFastifyApplication, origin: string): Promise<void> {
  const guests = crowd.guests.slice(-SIGNED_IN);
  const hash = await api.get(Passwords, { strict: false }).hash(PASSWORD);
  const table = `${crowd.database.names.platform}.login`;
  await admin((client) =>
    client.query(`UPDATE ${table} SET password_hash = $1 WHERE email = ANY($2)`, [
      hash,
      guests.map(({ email }) => email),
    ]),
  );
  for (const guest of guests)
    guest.headers = { authorization: await signIn(origin, { email: guest.email, password: PASSWORD }) };
}

/** Waits until the API's connections do nothing, and none is in a transaction: what was cut off is over. */
const untilIdle = () =>
  admin(async (client) => {
    const busy = `SELECT FROM pg_stat_activity WHERE usename = $1 AND state <> 'idle'`;
    await until(async () => !(await client.query(busy, [crowd.database.names.app])).rowCount);
  });

/** Demands that a tenant's table holds what it made and nothing else, and that the API serves just that. */
async function hasItsOwn({ mark, schema, has, mayHave, headers }: Guest, origin: string): Promise<void> {
  const { rows } = await admin((client) =>
    client.query<{ identifier: string; author: string; name: string }>(
      `SELECT identifier, author, name FROM ${schema}.book`,
    ),
  );
  const identifiers = new Set(rows.map(({ identifier }) => identifier));
  expect({
    mark,
    foreign: rows.filter(({ author, name }) => author !== mark || !name.startsWith(mark)),
    lost: [...has].filter((identifier) => !identifiers.has(identifier)),
    strange: [...identifiers].filter((identifier) => !has.has(identifier) && !mayHave.has(identifier)),
  }).toEqual({ mark, foreign: [], lost: [], strange: [] });

  const answer = await fetch(`${origin}/api/v1/books?count=exact&limit=1`, { headers });
  expect(await answer.json()).toMatchObject({ items: [{ author: mark }], total: rows.length });
}

/** As whom, and where, each of the connections would run a statement now; a transaction on each keeps them apart. */
async function atRest(pool: Pool): Promise<object[]> {
  const clients = await Promise.all(Array.from({ length: pool.options.max }, () => pool.connect()));
  for (const client of clients) await client.query('BEGIN');
  const found = [];
  for (const client of clients) {
    const { rows } = await client.query(
      `SELECT current_user AS login, current_setting('search_path') AS path, current_setting('lock_timeout') AS "lockTimeout"`,
    );
    found.push(rows[0]);
    await client.query('ROLLBACK');
    client.release();
  }
  return found;
}
