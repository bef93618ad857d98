import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { escapeIdentifier as quote } from 'pg';
import { until } from '@app/testing';
import { provisionTenant } from '../provisioning';
import { suspendTenant } from '../suspend-tenant';
import { BadArchive, NoSuchTenant, TenantConflict } from '../tenant-errors';
import { CuttingProxy } from '../test/cutting-proxy';
import { admin, database, entry, expectGone, FIRST, of, SECOND, usePremises, write } from '../test/premises';
import { exportTenant } from './export-tenant';
import { importTenant } from './import-tenant';
import { fillHostile, HOSTILE_TABLES } from './test/hostile';

const migrations = () => {
  write(FIRST, ...HOSTILE_TABLES);
  write(SECOND, `INSERT INTO seeded VALUES (1, 'by a migration')`);
};

const exported = async (name: string): Promise<string> => String(await buffer(await exportTenant(database, name)));
const imported = (name: string, archive: string, pieces = 1_000) =>
  importTenant(database, name, Readable.from(chunksOf(Buffer.from(archive), pieces)));

function* chunksOf(bytes: Buffer, size: number): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

/** Every row of every table, as Postgres spells it. */
async function contents(name: string): Promise<Record<string, string[]>> {
  const schema = database.names.tenantSchema(name);
  const { rows: tables } = await admin.query(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p') AND relname NOT IN ('migrations', 'file_part', 'idempotency_key')`,
    [schema],
  );
  const found: Record<string, string[]> = {};
  for (const { name } of tables) {
    const { rows } = await admin.query(`SELECT t::text AS row FROM ${schema}.${quote(name)} t ORDER BY 1`);
    found[name] = rows.map(({ row }) => row);
  }
  return found;
}

describe.each(['on', 'off'])('exportTenant and importTenant, with TENANT_ROLES=%s', (TENANT_ROLES) => {
  usePremises(migrations, { TENANT_ROLES });
  let archive: string;
  beforeAll(async () => {
    await provisionTenant(database, 'original', 'The "Original"');
    await admin.query(`SET search_path TO ${database.names.tenantSchema('original')}`);
    await fillHostile(admin);
    await admin.query('RESET search_path');
    archive = await exported('original');
  });

  it('bring over every value of every table as it was', async () => {
    await imported('copy', archive);
    const original = await contents('original');
    expect(await contents('copy')).toEqual(original);
    expect(Object.keys(original).filter((table) => !original[table].length)).toEqual(['empty']);
    expect(await entry('copy')).toEqual({
      ...(await entry('original')),
      schema: database.names.tenantSchema('copy'),
      role: TENANT_ROLES === 'on' ? database.names.tenantRole('copy') : null,
      version: 1,
    });
    expect((await exported('copy')).split('\n').slice(1)).toEqual(archive.split('\n').slice(1));
  });

  it('say first whose it is, and last how much there was', () => {
    const lines = archive.split('\n');
    const rows = lines.filter((line) => line.startsWith('{"table"')).length;
    expect(JSON.parse(lines[0])).toEqual({
      format: 'tenant-archive/1',
      name: 'original',
      title: 'The "Original"',
      migratedTo: SECOND,
      exportedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
    expect(lines.slice(-2)).toEqual([`{"end":{"rows":${rows}}}`, '']);
  });

  it('leave out the migrations, and answers kept for requests', async () => {
    expect(archive).not.toMatch(/"table" ?: ?"(migrations|file_part|idempotency_key)"/);
    expect(archive).not.toContain('migrations_id_seq');
    await imported('answerless', archive);
    const { rows } = await admin.query(`SELECT FROM ${database.names.tenantSchema('answerless')}.idempotency_key`);
    expect(rows).toEqual([]);
  });

  it('go on counting where the sequences were', async () => {
    await imported('counting', archive);
    const next = async (name: string) => {
      const { rows } = await admin.query(
        `INSERT INTO ${database.names.tenantSchema(name)}.numbered (text) VALUES ('next') RETURNING id, serial`,
      );
      return rows[0];
    };
    expect(await next('counting')).toEqual(await next('original'));
    await admin.query(`DELETE FROM ${database.names.tenantSchema('original')}.numbered WHERE text = 'next'`);
  });

  it('make triggers work again, which saw nothing of the import', async () => {
    await imported('triggered', archive);
    const schema = database.names.tenantSchema('triggered');
    const log = async () => (await admin.query(`SELECT count(*)::int AS n FROM ${schema}.log`)).rows[0].n;
    const before = await log();
    await admin.query(`INSERT INTO ${schema}.tree VALUES (100, NULL)`);
    expect(await log()).toBe(before + 1);
    const { rows } = await admin.query(
      `SELECT tgname AS name, tgenabled AS state FROM pg_trigger WHERE tgrelid = '${schema}.tree'::regclass AND NOT tgisinternal ORDER BY 1`,
    );
    expect(rows).toEqual([
      { name: 'always', state: 'A' },
      { name: 'never', state: 'D' },
      { name: 'record', state: 'O' },
    ]);
  });

  it('take another title, and any size of pieces', async () => {
    await importTenant(database, 'retitled', Readable.from(chunksOf(Buffer.from(archive), 7)), { title: 'New' });
    expect(await entry('retitled')).toMatchObject({ title: 'New' });
    expect(await contents('retitled')).toEqual(await contents('original'));
  });

  it('count the rows for who follows', async () => {
    const [sent, taken] = [jest.fn(), jest.fn()];
    await buffer(await exportTenant(database, 'original', sent));
    await importTenant(database, 'followed', Readable.from([Buffer.from(archive)]), { follow: taken });
    const rows = Object.values(await contents('original')).flat().length - partitionRows;
    expect(sent.mock.lastCall).toEqual([rows]);
    expect(taken.mock.lastCall).toEqual([rows]);
  });
  const partitionRows = 2; // contents() sees them in the partition too

  it('export a tenant that is suspended, and none that is half made or half deleted', async () => {
    await provisionTenant(database, 'asleep');
    await suspendTenant(database, 'asleep');
    await imported('awake', await exported('asleep'));
    expect(await entry('awake')).toMatchObject({ status: 'active' });
    for (const status of ['provisioning', 'deleting']) {
      await admin.query(`UPDATE ${database.names.platform}.tenant SET status = $1 WHERE name = 'asleep'`, [status]);
      await expect(exportTenant(database, 'asleep')).rejects.toThrow(
        `Tenant asleep is ${status}: there is nothing whole to export.`,
      );
    }
    await expect(exportTenant(database, 'nobody')).rejects.toThrow(NoSuchTenant);
  });

  it('show one instant, whatever is written or migrated meanwhile', async () => {
    await provisionTenant(database, 'moving');
    const schema = database.names.tenantSchema('moving');
    await admin.query(`INSERT INTO ${schema}.tree SELECT n, NULL FROM generate_series(1, 50000) n`);
    const stream = await exportTenant(database, 'moving');
    const chunks = [
      await new Promise<Buffer>((resolve) => stream.once('data', resolve).once('data', () => stream.pause())),
    ];
    await admin.query(`INSERT INTO ${schema}.z_book VALUES (gen_random_uuid(), 'too late')`);
    const rewrite = admin.query(`ALTER TABLE ${schema}.tree ALTER id TYPE bigint`); // waits
    chunks.push(await buffer(stream));
    await rewrite;
    const text = String(Buffer.concat(chunks));
    expect(text).not.toContain('too late');
    expect(text.split('\n').filter((line) => line.includes('"tree"'))).toHaveLength(50_000);
    expect(JSON.parse(text.trimEnd().split('\n').at(-1)!)).toEqual({ end: { rows: expect.any(Number) } });
  });

  it('end the connection of an export whose reader has left', async () => {
    const stream = await exportTenant(database, 'moving');
    for await (const chunk of stream) if (chunk) break;
    const transactions = `SELECT FROM pg_locks WHERE relation = '${database.names.tenantSchema('moving')}.tree'::regclass AND pid <> pg_backend_pid()`;
    await until(async () => !(await admin.query(transactions)).rows.length);
    const unread = await exportTenant(database, 'moving');
    unread.destroy();
    expect(unread.destroyed).toBe(true);
  });

  it('refuse a name that is taken, and leave who has it alone', async () => {
    const before = [await entry('original'), await contents('original')];
    await expect(imported('original', archive)).rejects.toThrow(TenantConflict);
    await expect(imported('original', archive)).rejects.toThrow('There is already a tenant called original.');
    expect([await entry('original'), await contents('original')]).toEqual(before);
  });

  it('refuse a name that no tenant can have', async () => {
    await expect(imported('No Name', archive)).rejects.toThrow('cannot name a tenant');
  });

  it('refuse an archive of another state of the schema', async () => {
    await expect(importTenant(of(FIRST), 'older', Readable.from([Buffer.from(archive)]))).rejects.toThrow(
      `The archive was exported at migration ${SECOND}, and this release is at ${FIRST}: import it with`,
    );
    await expectGone('older');
  });

  it('refuse an archive cut off anywhere, and leave nothing', async () => {
    const bytes = Buffer.from(archive);
    const line = archive.indexOf('\n') + 1;
    const cuts = [0, 1, line - 1, line, line + 10, Math.floor(bytes.length / 2), bytes.length - 30, bytes.length - 2];
    for (const cut of cuts) {
      const part = Readable.from(chunksOf(bytes.subarray(0, cut), 1_000));
      await expect(importTenant(database, 'cut', part)).rejects.toThrow(BadArchive);
      await expectGone('cut');
    }
    await imported('cut', archive.trimEnd()); // only the last line feed is missing
  });

  const BROKEN: [string, (lines: string[]) => string[], string][] = [
    ['is empty', () => [], 'The archive is empty.'],
    ['is something else', () => ['id,name', '1,2'], 'This is not the archive of a tenant'],
    ['has no header', (lines) => lines.slice(1), 'This is not the archive of a tenant'],
    ['lacks a row', (lines) => lines.toSpliced(2, 1), 'and its last line says'],
    [
      'has a row twice',
      (lines) => lines.flatMap((line) => (line.includes('"log"') ? [line, line] : line)),
      'and its last line says',
    ],
    ['goes on after its end', (lines) => [...lines, lines[1]], 'stands after its end.'],
    ['lacks its end', (lines) => lines.slice(0, -1), 'The archive is cut off: the line at its end is missing.'],
    ['is damaged', (lines) => lines.with(3, lines[3].slice(5)), 'Line 4 of the archive cannot be read'],
    ['has null for a line', (lines) => lines.with(3, 'null'), 'Line 4 of the archive cannot be read'],
    [
      'has a number for a value',
      (lines) => lines.with(1, '{"table":"tree","row":{"id":1,"parent_id":null}}'),
      'Line 2',
    ],
    [
      'knows another table',
      (lines) => lines.with(1, '{"table":"migrations","row":{"id":"1"}}'),
      'of the table migrations',
    ],
    [
      'knows another column',
      (lines) => lines.with(1, '{"table":"tree","row":{"id":"1","other":"2"}}'),
      'the columns of',
    ],
    ['lacks a column', (lines) => lines.with(1, '{"table":"tree","row":{"id":"1"}}'), 'the columns of the table tree'],
    [
      'has a value that is none',
      (lines) => lines.with(1, '{"table":"tree","row":{"id":"one","parent_id":null}}'),
      'The rows of the table tree cannot be loaded: invalid input syntax for type integer: "one".',
    ],
    [
      'refers to what it does not have',
      (lines) => lines.filter((line) => !line.includes('"z_book"')),
      'violates foreign key constraint',
    ],
  ];
  it.each(BROKEN)('refuse an archive that %s, and leave nothing', async (_what, damage, sentence) => {
    const damaged = damage(archive.trimEnd().split('\n')).join('\n');
    await expect(imported('broken', damaged)).rejects.toThrow(sentence);
    await expectGone('broken');
  });

  it('refuse bytes that are no text', async () => {
    const bytes = Buffer.from(archive);
    bytes[bytes.length >> 1] = 0xff;
    await expect(importTenant(database, 'bytes', Readable.from([bytes]))).rejects.toThrow(BadArchive);
    await expectGone('bytes');
  });

  it('leave nothing when reading the archive fails', async () => {
    const failing = Readable.from(
      (function* () {
        yield Buffer.from(archive.slice(0, 2_000));
        throw new Error('disk on fire');
      })(),
    );
    await expect(importTenant(database, 'burnt', failing)).rejects.toThrow('disk on fire');
    await expectGone('burnt');
  });

  it('leave all or nothing, wherever the process is killed', async () => {
    const proxy = await CuttingProxy.open(database);
    let attempts = 0;
    for (let messages = 1, done = false; !done; messages += 7) {
      const name = `kill${messages}`;
      done = await importTenant(proxy.after(messages, database), name, Readable.from([Buffer.from(archive)])).then(
        () => true,
        () => false,
      );
      if (done) expect(await contents(name)).toEqual(await contents('original'));
      else await expectGone(name);
      attempts++;
    }
    await proxy.close();
    expect(attempts).toBeGreaterThan(5);
  });
});
