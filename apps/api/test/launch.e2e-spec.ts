import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

describe('apps/launch.js, with which every npm script begins', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'launch-'));
    await mkdir(join(folder, 'apps'));
    await cp('apps/launch.js', join(folder, 'apps/launch.js'));
    await cp('package.json', join(folder, 'package.json'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const launch = (...args: string[]) =>
    spawnSync(process.execPath, [join(folder, 'apps/launch.js'), ...args], { encoding: 'utf8' });

  it('begins every script but those that run another', async () => {
    const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as { scripts: Record<string, string> };
    const others = Object.values(scripts).filter(
      (script) => !/^(node (--\S+ )?apps\/launch\.js|npm run|oxlint|depcruise|prettier)/.test(script),
    );
    expect(others).toEqual([]);
  });

  it("stops on a Node that is too old, and says how to get the project's own", async () => {
    const text = await readFile('package.json', 'utf8');
    await writeFile(join(folder, 'package.json'), text.replace('"node": ">=24', '"node": ">=99'));
    const { status, stderr } = launch('api');
    expect(status).toBe(1);
    expect(stderr).toContain(`This is Node ${process.versions.node}, and the project needs 99`);
    expect(stderr).toContain('type "npm ci" without --omit=optional');
  });

  it('says what to type when nothing is built yet', () => {
    const { status, stderr } = launch('api');
    expect(status).toBe(1);
    expect(stderr).toBe('api is not built yet: type "npm run build".\n');
  });

  it("runs on the project's Node, whatever the system's is", () => {
    const pathOfTheSystem = process.env
      .PATH!.split(delimiter)
      .filter((place) => !place.includes('node_modules'))
      .join(delimiter);
    const [major] = process.versions.node.split('.').map(Number);
    expect(major).toBeGreaterThanOrEqual(24);
    const { stdout } = spawnSync('npm', ['exec', '--', 'node', '--version'], {
      encoding: 'utf8',
      env: { ...process.env, PATH: pathOfTheSystem },
    });
    expect(stdout.trim()).toBe(process.version);
  });
});
