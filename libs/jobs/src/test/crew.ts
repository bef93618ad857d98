import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { INestApplicationContext } from '@nestjs/common';
import { currentUnit } from '@app/database';
import { MortalPostgres, until } from '@app/testing';
import { Job, JobHandler } from '../job.decorator';
import { Jobs } from '../jobs.service';
import { Works } from './works';

const PATIENCE_MS = 250_000; // for what a crew has to do, on a busy machine

/** What is left to the processes of a crew. */
@Job('test.effect')
export class Effect implements JobHandler<{ what: string }> {
  async run({ what }: { what: string }): Promise<void> {
    await currentUnit().manager.query('INSERT INTO effect VALUES ($1)', [what]);
  }
}

/** Processes that work, which a test may kill. */
export class Crew {
  private readonly members: ChildProcess[] = [];

  constructor(private readonly works: Works) {}

  /** Starts so many, and waits until they work. */
  async hire(count: number): Promise<void> {
    const { appUrl, adminUrl, names } = this.works.database;
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: 'test',
      DATABASE_URL: appUrl,
      DATABASE_ADMIN_URL: adminUrl,
      SCHEMA_PREFIX: names.prefix,
      DATABASE_POOL_SIZE: '5',
    };
    const script = join(__dirname, 'effects-worker.js');
    const hired = Array.from({ length: count }, () =>
      spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    this.members.push(...hired);
    await Promise.all(hired.map((member) => once(member.stdout, 'data')));
  }

  /** Kills so many, at once. */
  async kill(count: number): Promise<void> {
    const doomed = this.members.splice(0, count);
    await Promise.all(doomed.map((member) => (member.kill('SIGKILL'), once(member, 'exit'))));
  }

  async dismiss(): Promise<void> {
    await this.kill(this.members.length);
  }
}

/** Leaves `count` jobs, half of them to each tenant. */
export async function leaveEffects(works: Works, api: INestApplicationContext, count: number): Promise<string[]> {
  const all = Array.from({ length: count / 2 }, (_effect, n) => String(n).padStart(6, '0'));
  for (const name of ['one', 'two']) {
    const jobs = api.get(Jobs, { strict: false });
    const payloads = all.map((what) => ({ what }));
    await works.inTenant(api, name, () => jobs.enqueueMany(Effect, payloads));
  }
  return all;
}

/** How many jobs wait or run. */
export async function unfinished(works: Works): Promise<number> {
  const { rows } = await works.admin.query<{ count: number }>(
    `SELECT count(*)::int FROM ${works.database.names.jobs}.job WHERE name = 'test.effect' AND state < 'completed'`,
  );
  return rows[0].count;
}

/** Who does how many jobs, and what happens to them meanwhile. */
interface Trial {
  workers: number;
  jobs: number;
  disturb(crew: Crew, works: Works): Promise<void>;
  afterwards?(works: Works): Promise<void>;
  env?: NodeJS.ProcessEnv;
}

/** Kills Postgres while three workers do `jobs` jobs, and starts it again. Expects each effect once. */
export async function expectEachOnceThoughPostgresDies(jobs: number): Promise<void> {
  const postgres = await MortalPostgres.start();
  const disturb = async (_crew: Crew, works: Works) => {
    await postgres.dieAndRise();
    await works.reconnect();
  };
  try {
    await expectEachOnce({
      workers: 3,
      jobs,
      disturb,
      env: { DATABASE_URL: postgres.url('jobs_test'), DATABASE_ADMIN_URL: '' },
    });
  } finally {
    await postgres.stop();
  }
}

/** Disturbs processes while they do jobs, and expects each effect once. */
export async function expectEachOnce({ workers, jobs, disturb, afterwards, env }: Trial): Promise<void> {
  const works = await Works.open([Effect], env);
  const crew = new Crew(works);
  try {
    const api = await works.start(false);
    const all = await leaveEffects(works, api, jobs);
    await crew.hire(workers);
    await until(async () => (await unfinished(works)) <= (jobs * 3) / 4, PATIENCE_MS);
    await disturb(crew, works);
    expect(await unfinished(works)).toBeGreaterThan(0);
    await until(async () => !(await unfinished(works)), PATIENCE_MS);
    for (const name of ['one', 'two']) expect(await works.effects(name)).toEqual(all);
    await afterwards?.(works);
  } finally {
    await crew.dismiss();
    await works.close();
  }
}
