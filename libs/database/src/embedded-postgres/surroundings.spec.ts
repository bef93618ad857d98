import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { query, Workshop } from './test/workshop';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? it : it.skip;
const nobodyCanRunNode = isRoot && spawnSync(process.execPath, ['-v'], { cwd: '/', uid: NOBODY }).status === 0;
const asNobody = nobodyCanRunNode ? it : it.skip;

describe('EmbeddedPostgres works', () => {
  const workshop = new Workshop();
  afterEach(() => workshop.tidy());
  afterAll(() => workshop.close());

  const project = join(workshop.root, `it's "my" $HOME; \`project\``);
  const version = async (url: string) => (await query(url, 'SHOW server_version')).rows[0].server_version;

  it('below a path with spaces, quotes and what else a shell would read, programs included', async () => {
    const packageDir = workshop.unlinkedPackage(join(project, 'package'));
    const { adminUrl } = await workshop.start({ dataDir: join(project, 'data'), packageDir });
    expect(await version(adminUrl)).toMatch(/^\d/);
  });

  it('when npm has not run install scripts, making the missing links itself', async () => {
    const packageDir = workshop.unlinkedPackage(join(workshop.root, 'unlinked'));
    const link = join(packageDir, 'native', 'lib', 'libpq.so.5');
    const { adminUrl } = await workshop.start({ dataDir: join(project, 'data'), packageDir });
    expect(await version(adminUrl)).toMatch(/^\d/);
    expect(dirname(realpathSync(link))).toBe(dirname(link));
  });

  asNobody('as an ordinary user, with a package that user may not complete', async () => {
    const home = join(workshop.root, 'nobody');
    mkdirSync(home);
    chownSync(home, NOBODY, NOBODY);
    const dataDir = join(home, '.data', 'postgres');
    const packageDir = workshop.unlinkedPackage(join(workshop.root, 'read-only'));
    const first = await workshop.open({ dataDir, packageDir }, NOBODY);
    const second = await workshop.open({ dataDir, packageDir }, NOBODY);
    expect(second).toMatchObject({ started: false, adminUrl: first.adminUrl });
    expect(statSync(dataDir).uid).toBe(NOBODY);
    await first.release();
    expect(await version(first.adminUrl)).toMatch(/^\d/);
    await second.release();
    expect(existsSync(join(dataDir, 'postmaster.pid'))).toBe(false);
    await expect(workshop.start({ dataDir })).rejects.toThrow(`${dataDir} belongs to user ${NOBODY}`);
  });

  describe('as root in a home nobody else may enter', () => {
    const home = join(workshop.root, 'home');
    const dataDir = join(home, '.data', 'postgres');
    beforeAll(() => {
      mkdirSync(home);
      chmodSync(home, 0o700);
    });

    asRoot('by moving the default data directory and the programs, and saying so', async () => {
      const packageDir = workshop.unlinkedPackage(join(home, 'node_modules', 'package'));
      const session = await workshop.open({ dataDir, packageDir, dataDirIsExplicit: false });
      const [sentence] = session.announced;
      expect(sentence).toContain(`Postgres runs as the user "postgres", who may not enter ${home}`);
      const moved = /lie in (\/var\/lib\/nestjs-pg-typeorm-starter\/[0-9a-f]{16}) instead/.exec(sentence)![1];
      const again = await workshop.open({ dataDir, packageDir, dataDirIsExplicit: false });
      expect(again).toMatchObject({ started: false, adminUrl: session.adminUrl });
      expect(existsSync(join(moved, 'PG_VERSION'))).toBe(true);
      expect(existsSync(dataDir)).toBe(false);
      await session.release();
      await again.release();
      for (const directory of [moved, `${moved}.embedded`]) rmSync(directory, { recursive: true });
    });

    asRoot('but refuses an explicit one, naming the directory that blocks', async () => {
      await expect(workshop.start({ dataDir })).rejects.toThrow(
        `The data directory ${dataDir} cannot be used: Postgres runs as the user "postgres", who may not enter ${home}.`,
      );
      expect(existsSync(join(home, '.data'))).toBe(false);
    });
  });
});
