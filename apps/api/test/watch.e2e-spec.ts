import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { Database } from '@app/database';
import { makeDatabase, openTestDatabase, ScratchDatabase, testSettings } from '@app/testing';
import { migrationSets } from '../../../ormconfig';

const SOURCES = [
  'apps',
  'libs',
  'ormconfig.ts',
  'package.json',
  'nest-cli.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

describe('npm run start:dev', () => {
  let folder: string;
  let server: Database;
  let database: ScratchDatabase;

  beforeAll(async () => {
    server = await openTestDatabase(testSettings(), migrationSets, () => undefined);
    database = await makeDatabase(server.adminUrl);
    folder = await mkdtemp(join(tmpdir(), 'watch-'));
    await Promise.all(SOURCES.map((source) => cp(source, join(folder, source), { recursive: true })));
    await symlink(resolve('node_modules'), join(folder, 'node_modules'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
    await database.drop();
    await server.release();
  });

  it('serves an edit by itself, and goes on serving the old while a type is wrong', async () => {
    const env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NODE_ENV: 'test',
      PORT: '0',
      LOG_FORMAT: 'json',
      DATABASE_URL: database.url,
      SCHEMA_PREFIX: database.prefix,
    };
    const nest = spawn(process.execPath, [resolve('node_modules/@nestjs/cli/bin/nest.js'), 'start', '--watch'], {
      cwd: folder,
      env,
      detached: true,
    });
    const said = new PassThrough(); // Nest complains on one stream and the API speaks on the other
    for (const stream of [nest.stdout, nest.stderr]) stream.pipe(said, { end: false });
    nest.once('close', () => said.end());
    const lines = createInterface({ input: said })[Symbol.asyncIterator]();
    const until = async (pattern: RegExp): Promise<string> => {
      for (let next = await lines.next(); !next.done; next = await lines.next())
        if (pattern.test(next.value)) return next.value;
      throw new Error(`nest ended without saying ${pattern.source}.`);
    };
    const listening = async () => /Listening on ([^,]+),/.exec(await until(/Listening on/))![1];
    const page = join(folder, 'apps/api/src/pages/landing.controller.ts');
    const edit = async (from: string, to: string) => writeFile(page, (await readFile(page, 'utf8')).replace(from, to));

    try {
      const url = await listening();
      expect(await (await fetch(url)).text()).toContain('<h1>It runs.</h1>');

      await edit('It runs.', 'It runs anew.');
      const renewed = await listening();
      expect(await (await fetch(renewed)).text()).toContain('<h1>It runs anew.</h1>');

      await edit('show(): string', 'show(): number');
      await until(/Found 1 error/);
      expect(await (await fetch(renewed)).text()).toContain('<h1>It runs anew.</h1>');
    } finally {
      process.kill(-nest.pid!, 'SIGINT'); // to all of them, as Ctrl-C in a terminal
      await once(nest, 'close');
    }
  });
});
