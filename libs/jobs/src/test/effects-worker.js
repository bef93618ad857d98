// A worker with jobs of the tests' own, in a process that they can kill: on the built libs, as processes are.
require('reflect-metadata');
const { join } = require('node:path');
const { NestFactory } = require('@nestjs/core');

const lib = (name) => require(join(__dirname, '../../../../dist/libs', name, 'src'));
const { ConfigModule, Settings } = lib('config');
const { DatabaseModule, currentUnit, openDatabase } = lib('database');
const { Job, JobsModule } = lib('jobs');
const { TenancyModule } = lib('tenancy');
const { migrationSets } = require(join(__dirname, '../../../../dist/ormconfig'));

/** Leaves a row, which a second time would show. */
class Effect {
  async run({ what }) {
    await currentUnit().manager.query('INSERT INTO effect VALUES ($1)', [what]);
    await currentUnit().manager.query('SELECT pg_sleep(0.01)'); // so that some are killed half-way
  }
}
Job('test.effect')(Effect);

class EveryMinute {
  async run() {}
}
Job('test.every-minute', { withoutTenant: true, cron: '* * * * *' })(EveryMinute);

void (async () => {
  const settings = Settings.ofThisProcess();
  const database = await openDatabase(settings, migrationSets, () => undefined);
  const imports = [ConfigModule.with(settings), DatabaseModule.on(database), TenancyModule, JobsModule.on(true)];
  const worker = await NestFactory.createApplicationContext(
    { module: class {}, imports, providers: [Effect, EveryMinute] },
    { logger: false },
  );
  worker.enableShutdownHooks(['SIGTERM'], { useProcessExit: true });
  process.stdout.write('works\n');
})();
