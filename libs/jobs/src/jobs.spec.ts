import type { INestApplicationContext } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { currentScope, currentUnit } from '@app/database';
import { deleteTenant, resumeTenant, suspendTenant, Tenant, TenantsService } from '@app/tenancy';
import { until } from '@app/testing';
import { Handlers } from './handlers';
import { Job, JobHandler, jobOf } from './job.decorator';
import { Jobs } from './jobs.service';
import { Works } from './test/works';

interface Note {
  what: string;
}

@Job('test.note')
class NoteIt implements JobHandler<Note> {
  /** Awaited by each before it notes anything. */
  static gate: Promise<unknown> = Promise.resolve();
  static scopes: unknown[] = [];

  async run({ what }: Note): Promise<void> {
    await NoteIt.gate;
    NoteIt.scopes.push({ actor: currentScope()!.actor, requestId: currentScope()!.requestId });
    await currentUnit().manager.query('INSERT INTO effect VALUES ($1)', [what]);
  }
}

@Job('test.fail', { retries: 2 })
class Fail implements JobHandler<Note> {
  static isMended = false;

  async run({ what }: Note): Promise<void> {
    await currentUnit().manager.query('INSERT INTO effect VALUES ($1)', [what]);
    if (!Fail.isMended) throw new Error('It never works.');
  }
}

@Job('test.tidy', { withoutTenant: true })
class Tidy implements JobHandler<Note> {
  static readonly done: string[] = [];

  async run({ what }: Note): Promise<void> {
    if (currentScope()) throw new Error('It is no tenant’s.');
    Tidy.done.push(what);
  }
}

class NoJob implements JobHandler {
  async run(): Promise<void> {}
}

let works: Works;
let api: INestApplicationContext;
let jobs: Jobs;
beforeAll(async () => {
  works = await Works.open([NoteIt, Fail, Tidy]);
  api = await works.start(false);
  jobs = api.get(Jobs, { strict: false });
});
afterAll(() => works.close());

const inOne = <T>(work: () => Promise<T>) => works.inTenant(api, 'one', work);
const waiting = async () => (await works.jobs()).map(({ data }) => data.payload);

describe('leaving a job', () => {
  beforeEach(() => works.forgetAll());

  it('joins the unit of work: the job is there when the unit is kept', async () => {
    const id = await inOne(async () => {
      const left = await jobs.enqueue(NoteIt, { what: 'a' });
      expect(await works.jobs()).toEqual([]);
      return left;
    });
    expect(await works.jobs()).toMatchObject([
      {
        id,
        name: 'test.note',
        state: 'created',
        data: { actor: 'ada', requestId: 'request-1', payload: { what: 'a' } },
      },
    ]);
  });

  it('leaves none when the unit fails after it', async () => {
    const failing = inOne(async () => {
      await jobs.enqueue(NoteIt, { what: 'a' });
      await jobs.enqueue(NoteIt, { what: 'b' }, { key: 'k' });
      await jobs.enqueueMany(NoteIt, [{ what: 'c' }, { what: 'd' }]);
      throw new Error('Never mind.');
    });
    await expect(failing).rejects.toThrow('Never mind.');
    expect(await works.jobs()).toEqual([]);
  });

  it('leaves none of an attempt that failed, and keeps what the unit did besides', async () => {
    await inOne(async () => {
      await jobs.enqueue(NoteIt, { what: 'a' });
      const attempt = currentUnit().attempt(async () => {
        await jobs.enqueue(NoteIt, { what: 'b' });
        await currentUnit().manager.query('SELECT FROM nowhere');
      });
      await expect(attempt).rejects.toThrow();
      await currentUnit().manager.query(`INSERT INTO effect VALUES ('still a tenant')`);
    });
    expect(await waiting()).toEqual([{ what: 'a' }]);
    expect(await works.effects('one')).toEqual(['still a tenant']);
  });

  it('leaves none of a dry run', async () => {
    await inOne(async () => {
      currentUnit().keepNothing();
      await jobs.enqueue(NoteIt, { what: 'a' });
    });
    expect(await works.jobs()).toEqual([]);
  });

  it('lets no tenant see the jobs, neither before nor after it left one nor meanwhile', async () => {
    const look = () =>
      currentUnit().attempt(() => currentUnit().manager.query(`SELECT FROM ${works.database.names.jobs}.job`));
    await inOne(async () => {
      await expect(look()).rejects.toMatchObject({ code: '42501' });
      const [, looked, noted] = await Promise.allSettled([
        jobs.enqueue(NoteIt, { what: 'a' }),
        currentUnit().manager.query('SELECT current_user AS role'),
        currentUnit().manager.query(`INSERT INTO effect VALUES ('a')`),
      ]);
      expect(looked).toMatchObject({ value: [{ role: works.database.names.tenantRole('one') }] });
      expect(noted.status).toBe('fulfilled');
      await expect(look()).rejects.toMatchObject({ code: '42501' });
    });
    expect(await works.jobs()).toHaveLength(1);
  });

  it('leaves many in one statement, each with its payload', async () => {
    const payloads = Array.from({ length: 2_000 }, (_, n) => ({ what: String(n) }));
    const ids = await inOne(() => jobs.enqueueMany(NoteIt, payloads));
    const kept = new Map((await works.jobs()).map(({ id, data }) => [id, data.payload]));
    expect(ids.map((id) => kept.get(id))).toEqual(payloads);
    expect(await inOne(() => jobs.enqueueMany(NoteIt, []))).toEqual([]);
  });

  it('says what is wrong with one of no tenant, and of one that nothing says to be a job', async () => {
    await expect(jobs.enqueue(NoteIt, { what: 'a' })).rejects.toThrow('no tenant in scope');
    await expect(jobs.enqueue(NoJob, {})).rejects.toThrow('NoJob is no job');
    await jobs.enqueue(Tidy, { what: 'a' });
    expect(await works.jobs()).toMatchObject([{ name: 'test.tidy', data: { tenantId: null } }]);
  });

  it('keeps one that may not run yet from running', async () => {
    await inOne(() => jobs.enqueue(NoteIt, { what: 'a' }, { startAfter: 3_600 }));
    await inOne(() => jobs.enqueue(NoteIt, { what: 'b' }, { startAfter: new Date(Date.now() - 1_000) }));
    expect((await works.jobs()).map(({ waits }) => waits).sort()).toEqual([false, true]);
  });

  it('changes the one that waits with the same key, of the same kind and tenant', async () => {
    await inOne(() => jobs.enqueue(NoteIt, { what: 'a' }, { key: 'k' }));
    await inOne(() => jobs.enqueue(NoteIt, { what: 'b' }, { key: 'k' }));
    expect(await waiting()).toEqual([{ what: 'b' }]);
    await inOne(() => jobs.enqueue(NoteIt, { what: 'c' }, { key: 'l' }));
    await inOne(() => jobs.enqueue(Fail, { what: 'd' }, { key: 'k' }));
    await works.inTenant(api, 'two', () => jobs.enqueue(NoteIt, { what: 'e' }, { key: 'k' }));
    expect((await waiting()).map(({ what }) => what).sort()).toEqual(['b', 'c', 'd', 'e']);
  });

  it('leaves one of many that race for a key', async () => {
    const racing = Array.from({ length: 20 }, (_, n) =>
      inOne(() => jobs.enqueue(NoteIt, { what: String(n) }, { key: 'k' })),
    );
    await Promise.all(racing);
    expect(await works.jobs()).toHaveLength(1);
  });
});

describe('a worker', () => {
  let worker: INestApplicationContext;
  beforeAll(async () => {
    await works.forgetAll();
    worker = await works.start(true);
  });
  beforeEach(() => works.forgetAll());
  const shutOut = async (process: INestApplicationContext) => {
    const { id } = await process.get(DataSource).manager.findOneByOrFail(Tenant, { name: 'one' });
    const ask = async () => process.get(TenantsService, { strict: false }).scopeOf(id);
    await until(async () => !(await ask().catch(() => null))); // it is remembered for some seconds
  };
  afterEach(() => {
    NoteIt.gate = Promise.resolve();
    Fail.isMended = false;
  });

  it('does a job in its tenant, as whoever asked for it, in a unit of work', async () => {
    NoteIt.scopes = [];
    await inOne(() => jobs.enqueue(NoteIt, { what: 'a' }));
    await works.inTenant(api, 'two', () => jobs.enqueue(NoteIt, { what: 'b' }));
    await works.until((all) => all.every(({ state }) => state === 'completed'));
    expect([await works.effects('one'), await works.effects('two')]).toEqual([['a'], ['b']]);
    expect(NoteIt.scopes).toEqual([0, 1].map(() => ({ actor: 'ada', requestId: 'request-1' })));
  });

  it('does one without a tenant outside any unit of work', async () => {
    await jobs.enqueue(Tidy, { what: 'shelf' });
    await works.until((all) => all.every(({ state }) => state === 'completed'));
    expect(Tidy.done).toContain('shelf');
  });

  it('tries one that fails again, later each time, and then makes it a dead letter; nothing of it is kept', async () => {
    await inOne(() => jobs.enqueue(Fail, { what: 'a' }));
    for (const tries of [0, 1]) {
      const [job] = await works.until(([{ state, tries: n }]) => state === 'retry' && n === tries);
      expect(job).toMatchObject({ waits: true, output: { message: 'It never works.' } });
      await works.wakeAll();
    }
    const all = await works.until((some) => some.some(({ name }) => name === 'dead-letters'));
    expect(all).toMatchObject([
      { name: 'test.fail', state: 'failed' },
      { name: 'dead-letters', state: 'created', data: { actor: 'ada', payload: { what: 'a' } } },
    ]);
    expect(await works.effects('one')).toEqual([]);
  });

  it('sees what was written by all who changed a job, whatever it does meanwhile', async () => {
    let open: () => void;
    NoteIt.gate = new Promise<void>((resolve) => (open = resolve));
    await inOne(() => jobs.enqueue(NoteIt, { what: 'a' }, { key: 'k' }));
    await works.until(([{ state }]) => state === 'active');
    await inOne(() => jobs.enqueue(NoteIt, { what: 'b' }, { key: 'k' })); // the first runs: it may have read too early
    open!();
    await works.until((all) => all.length === 2 && all.every(({ state }) => state === 'completed'));
    expect(await works.effects('one')).toEqual(['a', 'b']);
  });

  it('undoes what it did when another has the job by then', async () => {
    let open: () => void;
    NoteIt.gate = new Promise<void>((resolve) => (open = resolve));
    await inOne(() => jobs.enqueue(NoteIt, { what: 'a' }));
    await works.until(([{ state }]) => state === 'active');
    await works.admin.query(`UPDATE ${works.database.names.jobs}.job SET retry_count = 1`);
    open!();
    const other = await inOne(() => jobs.enqueue(NoteIt, { what: 'b' }));
    await works.until((all) => all.some(({ id, state }) => id === other && state === 'completed'));
    expect(await works.effects('one')).toEqual(['b']);
    expect((await works.jobs())[0]).toMatchObject({ state: 'active', tries: 1 });
  });

  it("lets a suspended tenant's jobs wait without counting it as a try, and does them when it is served again", async () => {
    await inOne(() => jobs.enqueue(NoteIt, { what: 'a' }, { startAfter: 3_600 }));
    await suspendTenant(works.database, 'one');
    await shutOut(worker);
    await works.wakeAll();
    const [put] = await works.until(([{ state, waits }]) => state === 'created' && waits);
    expect(put).toMatchObject({ tries: 0, data: { actor: 'ada', payload: { what: 'a' } } });
    expect(await works.effects('one')).toEqual([]);
    await resumeTenant(works.database, 'one');
    await works.until(([{ state }]) => {
      void works.wakeAll();
      return state === 'completed';
    });
    expect(await works.effects('one')).toEqual(['a']);
  });

  it('drops those of a tenant that is gone', async () => {
    await works.provision('three');
    await works.inTenant(api, 'three', () => jobs.enqueue(NoteIt, { what: 'a' }, { startAfter: 3_600 }));
    await deleteTenant(works.database, 'three');
    await works.wakeAll();
    const [job] = await works.until(([{ state }]) => state !== 'created' && state !== 'active');
    expect(job).toMatchObject({ state: 'completed', tries: 0 });
  });

  it('finishes what it does before it stops', async () => {
    const second = await works.start(true);
    await worker.close();
    let open: () => void;
    NoteIt.gate = new Promise<void>((resolve) => (open = resolve));
    await inOne(() => jobs.enqueue(NoteIt, { what: 'a' }));
    await works.until(([{ state }]) => state === 'active');
    const closed = second.close();
    open!();
    await closed;
    expect(await works.jobs()).toMatchObject([{ state: 'completed' }]);
    expect(await works.effects('one')).toEqual(['a']);
  });
});

it('changes the queue of a job when its decorator says something else, and otherwise leaves it alone', async () => {
  const queue = async () => {
    const { rows } = await works.admin.query<{ retries: number; changed: Date }>(
      `SELECT retry_limit AS retries, updated_on AS changed FROM ${works.database.names.jobs}.queue WHERE name = 'test.fail'`,
    );
    return rows[0];
  };
  const before = await queue();
  await works.start(false);
  expect(await queue()).toEqual(before);
  jobOf(Fail)!.retries = 3;
  await works.start(false);
  expect(await queue()).toMatchObject({ retries: 3 });
});

it('refuses to start when two classes do the jobs of one name', async () => {
  @Job('test.note')
  class Other extends NoJob {}
  const starting = NestFactory.createApplicationContext(
    { module: class {}, imports: [DiscoveryModule], providers: [Handlers, NoteIt, Other] },
    { abortOnError: false, logger: false },
  );
  await expect(starting).rejects.toThrow('Two classes handle the job test.note');
});

it('refuses to work with one connection, and says what to set', async () => {
  await expect(works.start(true, { DATABASE_POOL_SIZE: '1' })).rejects.toThrow('set DATABASE_POOL_SIZE to 2 at least');
});
