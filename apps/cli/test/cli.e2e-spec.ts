import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Database, withAdmin } from '@app/database';
import { makeDatabase, openTestDatabase, ScratchDatabase, signIn, startApi, testSettings } from '@app/testing';
import { migrationSets } from '../../../ormconfig';
import { CLI, runProgram } from './run-program';

let server: Database;
let database: ScratchDatabase;
let folder: string;

const run = (program: string, args: string[], cwd?: string, more?: NodeJS.ProcessEnv) =>
  runProgram(database, program, args, cwd, more);
const cli = (...args: string[]) => run(CLI, args);
const typeorm = (set: string, ...args: string[]) =>
  run('node_modules/typeorm/cli.js', ['-d', 'dist/ormconfig.js', ...args], process.cwd(), { MIGRATION_SET: set });

beforeAll(async () => {
  server = await openTestDatabase(testSettings(), migrationSets, () => undefined);
  database = await makeDatabase(server.adminUrl);
  folder = await mkdtemp(join(tmpdir(), 'cli-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await database.drop();
  await server.release();
});

// What is newest: added to here with every migration.
const PLATFORM = ['CreateTenant', 'CreateKey', 'AddTenantTitle', 'CreateLogin', 'CreateRateLimit', 'IndexExpiry'];
const TENANT = [
  'CreateBook',
  'CreateCritic',
  'CreateReview',
  'SearchCritic',
  'CreateIdempotencyKey',
  'SoftDeleteCritic',
  'CreateFilePart',
  'CreateAuditLog',
  'AuditBooksAndCritics',
  'CreateVersionGuard',
  'KeepVersionsOfReviews',
  'CreateErasure',
  'PersonalColumns',
];
const [newest, before] = TENANT.toReversed();
const allRun = (names: string[]) => names.map((name) => ` {2}\\[X\\] ${name}\\d+\n`).join('');
const reverted = new RegExp(`${newest}\\d+ has been reverted`);

describe('npm run cli', () => {
  it('lists its commands when none is named', async () => {
    const { code, said } = await cli();
    expect(code).toBe(1);
    expect(said).toContain('Usage: npm run cli -- COMMAND');
  });

  it('migrates, reverts and shows the platform and its tenants', async () => {
    expect(await cli('migrate')).toMatchObject({
      code: 0,
      said: expect.stringContaining(`Migrated the platform: ${PLATFORM[0]}`),
    });
    expect(await cli('tenants', 'create', 'demo')).toMatchObject({ code: 0 });
    expect((await cli('migration:show')).said).toMatch(
      new RegExp(`^platform\n${allRun(PLATFORM)}demo\n${allRun(TENANT)}$`),
    );

    expect((await cli('migration:revert', '--tenant', 'demo')).said).toContain(`demo: reverted ${newest}`);
    expect((await cli('migration:show')).said).toMatch(new RegExp(`\\[X\\] ${before}\\d+\n {2}\\[ \\] ${newest}`));

    expect((await cli('migrate')).said).toContain(`Migrated tenant demo: ${newest}`);
    expect((await cli('migration:show')).said).not.toContain('[ ]');
  });

  it('reverts nothing without being told what', async () => {
    expect(await cli('migration:revert')).toMatchObject({
      code: 1,
      said: expect.stringContaining('--tenant NAME, --tenant all, or --platform'),
    });
    expect(await cli('migration:revert', '--tenant', 'nobody')).toMatchObject({
      code: 1,
      said: expect.stringContaining('There is no tenant called nobody'),
    });
  });
});

describe('migration:check and migration:generate', () => {
  it('find nothing where the migrations make what the entities say', async () => {
    expect(await cli('migration:check')).toMatchObject({
      code: 0,
      said: expect.stringContaining('The migrations make exactly what the entities say.'),
    });
  });

  it('name and write what a missing migration would do', async () => {
    await cp('dist', join(folder, 'dist'), { recursive: true });
    await symlink(resolve('node_modules'), join(folder, 'node_modules'));
    for (const missing of [
      '1763800300000-create-review',
      '1764000300000-keep-versions-of-reviews',
      '1764000500000-personal-columns',
    ])
      await rm(join(folder, `dist/libs/domain/src/migrations/${missing}.js`));
    const migrations = join(folder, 'libs/domain/src/migrations');
    await mkdir(migrations, { recursive: true });
    const main = join(folder, 'dist/apps/cli/src/main.js');

    const checked = await run(main, ['migration:check'], folder);
    expect(checked).toMatchObject({ code: 1, said: expect.stringContaining('CREATE TABLE "review"') });
    expect(checked.said).toContain(`COMMENT ON COLUMN "critic"."bio" IS 'personal'`);

    expect(await run(main, ['migration:generate', 'No Such Name'], folder)).toMatchObject({
      code: 1,
      said: expect.stringContaining('Name the migration after what it does'),
    });
    expect(await run(main, ['migration:generate', 'create-review'], folder)).toMatchObject({ code: 0 });
    const [file] = await readdir(migrations);
    expect(file).toMatch(/^\d{13}-create-review\.ts$/);
    const text = await readFile(join(migrations, file), 'utf8');
    expect(text).toContain(`export class CreateReview${file.slice(0, 13)} implements MigrationInterface`);
    expect(text).toContain('DROP TABLE "review"');
    expect(text).not.toContain(database.prefix);
  });
});

describe('the TypeORM command line', () => {
  it.each([
    ['platform', PLATFORM.at(-1)],
    ['tenant', newest],
  ])('shows the migrations of the %s set', async (set, last) => {
    await cli('migrate');
    expect(await typeorm(set, 'migration:show')).toMatchObject({
      code: 0,
      said: expect.stringMatching(new RegExp(`\\[X\\] \\d+ ${last}`)),
    });
  });

  it('runs and reverts them, which the next boot knows', async () => {
    expect((await typeorm('tenant', 'migration:revert')).said).toMatch(reverted);
    expect((await cli('migrate')).said).toContain(`Migrated tenant demo: ${newest}`);
    expect((await typeorm('tenant', 'migration:revert')).said).toMatch(reverted);
    expect((await typeorm('tenant', 'migration:run')).said).toMatch(new RegExp(`${newest}\\d+ has been +executed`));
  });
});

describe('admins', () => {
  it('create makes an administrator of the platform, whose password is chosen by a link', async () => {
    const { code, said } = await cli('admins', 'create', 'Root@Example.com');
    expect(code).toBe(0);
    const [, token] = /\/account#reset=([\w-]{43})&email=root%40example\.com$/m.exec(said)!;
    const api = await startApi({ DATABASE_URL: database.url, SCHEMA_PREFIX: database.prefix });
    try {
      const login = { email: 'root@example.com', password: 'correct horse battery' };
      const reset = { token, password: login.password };
      await api.anonymous.post('/api/v1/auth/password/reset').send(reset).expect(204);
      const authorization = await signIn(api.url, login);
      const { body } = await api.anonymous.get('/api/v1/auth/me').set('Authorization', authorization).expect(200);
      expect(body).toMatchObject({ tenantId: null, permissions: ['platform:administer'], tenants: [] });
      const books = await api.anonymous.get('/api/v1/books').set('Authorization', authorization);
      expect(books.body).toMatchObject({ status: 403, code: 'no_tenant' });
    } finally {
      await api.app.close();
    }
  });

  it('remove makes of an administrator a login like any other, which stays', async () => {
    await cli('admins', 'create', 'former@example.com');
    const isAdmin = () =>
      withAdmin(database.url, async (client) => {
        const table = `${database.prefix}platform.login`;
        const { rows } = await client.query(
          `SELECT is_platform_admin FROM ${table} WHERE email = 'former@example.com'`,
        );
        return rows;
      });
    expect(await isAdmin()).toEqual([{ is_platform_admin: true }]);
    expect(await cli('admins', 'remove', 'Former@Example.com')).toMatchObject({
      code: 0,
      said: expect.stringContaining('Former@Example.com administers the platform no more.'),
    });
    expect(await isAdmin()).toEqual([{ is_platform_admin: false }]);
    expect(await cli('admins', 'remove', 'former@example.com')).toMatchObject({
      code: 1,
      said: 'former@example.com does not administer the platform.\n',
    });
  });

  it('say what to type', async () => {
    for (const args of [[], ['create'], ['create', 'nobody'], ['remove'], ['toString', 'root@example.com']])
      expect(await cli('admins', ...args)).toMatchObject({
        code: 1,
        said: 'Type npm run cli -- admins create EMAIL, or admins remove EMAIL.\n',
      });
  });
});
