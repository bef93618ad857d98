// Every npm script begins here: `launch.js [--build] [APP …]` checks that this is the project's Node, builds what has changed,
// and runs an app.
const { existsSync, readdirSync, statSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const stamp = join(root, 'dist', '.built');
const needed = require('../package.json').engines.node.replace('>=', '');

const older = (a, b) => a.localeCompare(b, undefined, { numeric: true }) < 0;
if (older(process.versions.node, needed)) {
  console.error(
    `This is Node ${process.versions.node}, and the project needs ${needed} or newer. It brings its own: type "npm ci" without --omit=optional, ` +
      `and start it by "npm run …". If that is what you did, there is no Node for ${process.platform}-${process.arch} in package.json: install one.`,
  );
  process.exit(1);
}

const args = process.argv.slice(2);
if (args[0] === '--build') {
  args.shift();
  if (changedAt(root) > (existsSync(stamp) ? statSync(stamp).mtimeMs : 0)) build();
}

const app = args.shift();
if (app) {
  const main = join(root, 'dist/apps', app, 'src/main.js');
  if (!existsSync(main)) {
    console.error(`${app} is not built yet: type "npm run build".`);
    process.exit(1);
  }
  process.argv.splice(1, process.argv.length, main, ...args);
  process.setSourceMapsEnabled(true);
  if (process.env.npm_lifecycle_event) stopWithParent();
  require(main);
}

/** When what the build reads was last changed, in milliseconds; a file taken away changes its folder. */
function changedAt(place) {
  const sources = [
    'apps',
    'libs',
    'ormconfig.ts',
    'nest-cli.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
  ];
  const newest = (path) => {
    const { mtimeMs } = statSync(path);
    if (!statSync(path).isDirectory()) return mtimeMs;
    return Math.max(mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
  };
  return Math.max(...sources.map((source) => newest(join(place, source))));
}

/** `kill` on npm ends npm and its shell, and neither tells us: who began under them ends with them. */
function stopWithParent() {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && process.kill(process.pid, 'SIGTERM'), 500).unref();
}

function build() {
  const { spawnSync } = require('node:child_process');
  const nest = require.resolve('@nestjs/cli/bin/nest.js');
  const { status } = spawnSync(process.execPath, [nest, 'build'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(stamp, '');
}
