import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { isDataError, postgresError } from './database-errors';
import { currentScope, currentUnit } from './scope';
import { a, admin, atRest, backend, b, Door, door, ids, NOBODY_IN_SCOPE, stored, usePremises } from './test/premises';

usePremises();

const ROWS = 2_000_000; // more than any buffer between Postgres and the reader holds
const MANY = `COPY (SELECT * FROM generate_series(1, ${ROWS})) TO STDOUT`;

const codeOf = (error: unknown): string | undefined => postgresError(error)?.code;
const fault = (work: Promise<unknown>): Promise<unknown> => work.then(() => undefined).catch((reason) => reason);

/** Waits until the backend `pid` runs nothing any more; gives the milliseconds that took. */
async function untilFree(pid: number): Promise<number> {
  const since = performance.now();
  const running = `SELECT FROM pg_stat_activity WHERE pid = $1 AND state <> 'idle'`;
  while ((await admin.query(running, [pid])).rows.length) await sleep(5);
  return performance.now() - since;
}

/** What must be true of a pool after whatever happened: it serves, and its connections are nobody's. */
async function serves(door1: Door): Promise<void> {
  expect(await door1.run(b, () => door1.notes.count())).toBe(0);
  expect(await atRest(door1)).toEqual([NOBODY_IN_SCOPE]);
}

/** A door, and how often its connections were taken and given back. */
async function counted(): Promise<Door & { uses: { taken: number; returned: number } }> {
  const door1 = await door();
  const uses = { taken: 0, returned: 0 };
  door1.pool.on('acquire', () => uses.taken++);
  door1.pool.on('release', () => uses.returned++);
  return { ...door1, uses };
}

describe('Unit.copyOut', () => {
  it("gives what the unit's own tenant has, and what the unit has done", async () => {
    const { run, notes } = await door();
    await run(b, () => notes.insert({ id: 9 }));
    await run(a, async () => {
      await notes.insert([{ id: 1 }, { id: 2 }]);
      expect(await text(await currentUnit().copyOut('COPY (SELECT id FROM note) TO STDOUT'))).toBe('1\n2\n');
      await notes.insert({ id: 3 });
    });
    expect(await ids(a)).toEqual([1, 2, 3]);
  });

  it('gives all of it, however slowly it is read, and without ever holding much', async () => {
    const { run } = await door();
    await run(a, async () => {
      const stream = await currentUnit().copyOut(MANY);
      let [last, most] = ['', 0];
      for await (const chunk of stream) {
        last = (last + chunk).slice(-20);
        most = Math.max(most, stream.readableLength);
        await new Promise(setImmediate);
      }
      expect(last.split('\n').slice(-2)).toEqual([`${ROWS}`, '']);
      expect(most).toBeLessThan(1_000_000);
    });
  });

  it('is not a slow statement, however long it takes', async () => {
    const door1 = await door();
    await door1.run(a, async () => {
      expect(await currentUnit().manager.query('SHOW statement_timeout')).toEqual([{ statement_timeout: '1min' }]);
      expect(
        await text(await currentUnit().copyOut(`COPY (SELECT current_setting('statement_timeout')) TO STDOUT`)),
      ).toBe('0\n');
    });
    expect(await door1.dataSource.query('SHOW statement_timeout')).toEqual([{ statement_timeout: '1min' }]);
  });

  it.each([
    ['at once', 'COPY nothing TO STDOUT', '42P01'],
    ['in the middle', 'COPY (SELECT 1 / (100000 - n) FROM generate_series(1, 200000) n) TO STDOUT', '22012'],
    ['of another tenant', () => `COPY ${b.tenant.schema}.note TO STDOUT`, '42501'],
  ])('fails with what Postgres has against it: %s', async (_when, statement, code) => {
    const door1 = await door();
    const copy = typeof statement === 'string' ? statement : statement();
    const error = await fault(door1.run(a, async () => text(await currentUnit().copyOut(copy))));
    expect(error).toMatchObject({ name: 'QueryFailedError', query: copy, code });
    expect([codeOf(error), isDataError(error)]).toEqual([code, code === '22012']);
    await serves(door1);
  });

  it('can fail within an attempt, and the unit goes on', async () => {
    const { run, notes } = await door();
    await run(a, async () => {
      for (const id of [1, 2]) {
        const failing = currentUnit().attempt(async () =>
          text(await currentUnit().copyOut('COPY (SELECT 1/0) TO STDOUT')),
        );
        await expect(failing).rejects.toMatchObject({ code: '22012' });
        await notes.insert({ id });
      }
    });
    expect(await ids(a)).toEqual([1, 2]);
  });

  it('lets no other statement in before its end, which would wait for ever', async () => {
    const door1 = await door();
    const hasty = door1.run(a, async () => {
      await door1.notes.insert({ id: 1 });
      await currentUnit().copyOut(MANY);
      await door1.notes.count();
    });
    await expect(hasty).rejects.toThrow('A COPY of this unit of work is under way');
    await serves(door1);
    expect(await ids(a)).toEqual([]);
  });

  it.each([
    ['forgotten', async () => void (await currentUnit().copyOut(MANY))],
    [
      'read in part',
      async () => {
        for await (const _chunk of await currentUnit().copyOut(MANY)) break;
      },
    ],
    [
      'forgotten in an attempt',
      () =>
        currentUnit().attempt(async () => {
          await currentUnit().copyOut(MANY);
          throw new Error('await everything');
        }),
    ],
  ])('does not harm the pool when it is %s', async (_how, work) => {
    const door1 = await door();
    let pid = 0;
    const careless = door1.run(a, async () => {
      await door1.notes.insert({ id: 1 });
      pid = await backend();
      await work();
    });
    await expect(careless).rejects.toThrow('await everything');
    expect(await untilFree(pid)).toBeLessThan(1_000);
    await serves(door1);
    expect(await ids(a)).toEqual([]);
  });
});

describe('Unit.copyIn', () => {
  const COPY = 'COPY note (id, text) FROM STDIN';
  const CHUNK = 1_000; // lines
  const lines = (count: number) =>
    Array.from({ length: count / CHUNK }, (_chunk, place) =>
      Array.from({ length: CHUNK }, (_line, n) => `${place * CHUNK + n}\tnote\n`).join(''),
    );

  it("puts rows into the unit's own tenant, kept with the rest of the unit", async () => {
    const { run, notes } = await door();
    await run(a, async () => {
      await pipeline(Readable.from(lines(100_000)), await currentUnit().copyIn(COPY));
      await notes.delete({ id: 0 });
      expect(await notes.count()).toBe(99_999);
    });
    expect((await stored(a)).at(-1)).toEqual({ id: 99_999, text: 'note', count: 0 });
    expect(await ids(b)).toEqual([]);

    const failing = run(a, async () => {
      await pipeline(Readable.from(['-1\tx\n']), await currentUnit().copyIn(COPY));
      throw new Error('mine');
    });
    await expect(failing).rejects.toThrow('mine');
    expect((await ids(a))[0]).toBe(1);
  });

  it('leaves no row and no transaction when its source ends half way', async () => {
    const door1 = await door();
    let pid = 0;
    const broken = door1.run(a, async () => {
      pid = await backend();
      const source: Readable = Readable.from(upload());
      async function* upload() {
        for (const chunk of lines(100_000)) {
          if (chunk.startsWith('50000\t')) source.destroy(new Error('client gone'));
          yield chunk;
        }
      }
      await pipeline(source, await currentUnit().copyIn(COPY));
    });
    await expect(broken).rejects.toThrow('client gone');
    expect(await untilFree(pid)).toBeLessThan(1_000);
    expect(await ids(a)).toEqual([]);
    await serves(door1);
    expect(await door1.run(a, backend)).toBe(pid); // nothing was wrong with the connection
  });

  it.each([
    ['a value that is none', '1\ta\nx\tb\n', '22P02'],
    ['a key that is taken', '1\ta\n1\tb\n', '23505'],
  ])('fails with what Postgres has against it, wherever it is noticed: %s', async (_what, content, code) => {
    const door1 = await door();
    for (const more of [[], lines(200_000)]) {
      const error = await fault(
        door1.run(a, async () => pipeline(Readable.from([content, ...more]), await currentUnit().copyIn(COPY))),
      );
      expect(error).toMatchObject({ name: 'QueryFailedError', query: COPY, code });
      expect(isDataError(error)).toBe(true);
      await serves(door1);
    }
    expect(await ids(a)).toEqual([]);
  });

  it('closes, whoever was at fault, and does not take the process with it', async () => {
    const door1 = await door();
    await fault(
      door1.run(a, async () => {
        const refused = await currentUnit().copyIn('COPY nothing FROM STDIN');
        await once(refused, 'close');
        expect(codeOf(refused.errored)).toBe('42P01');
        refused.write('more');
      }),
    );
    await fault(
      door1.run(a, async () => {
        const given = await currentUnit().copyIn(COPY);
        given.write('1\tx\n');
        given.destroy();
        await once(given, 'close');
        expect(given.errored).toBeNull();
      }),
    );
    await serves(door1);
    expect(await ids(a)).toEqual([]);
  });

  it('can fail within an attempt, and the unit goes on', async () => {
    const { run, notes } = await door();
    await run(a, async () => {
      for (const id of [1, 2]) {
        const failing = currentUnit().attempt(async () =>
          pipeline(Readable.from(['7\tx\n', 'x\n']), await currentUnit().copyIn(COPY)),
        );
        await expect(failing).rejects.toMatchObject({ code: '22P02' });
        await notes.insert({ id });
      }
    });
    expect(await ids(a)).toEqual([1, 2]);
  });

  it('does not harm the pool when it is forgotten', async () => {
    const door1 = await door();
    let pid = 0;
    const careless = door1.run(a, async () => {
      pid = await backend();
      (await currentUnit().copyIn(COPY)).write('1\tx\n');
    });
    await expect(careless).rejects.toThrow('await everything');
    expect(await untilFree(pid)).toBeLessThan(1_000);
    expect(await ids(a)).toEqual([]);
    await serves(door1);
  });
});

describe('Unit.handOverTo', () => {
  it('keeps the unit until its stream has been read to the end, and then commits', async () => {
    const { run, notes, uses } = await counted();
    const stream = await run(a, async () => {
      await notes.insert([{ id: 1 }, { id: 2 }]);
      return currentUnit().handOverTo(await currentUnit().copyOut('COPY (SELECT id FROM note) TO STDOUT'));
    });
    await sleep(50);
    expect(uses).toEqual({ taken: 1, returned: 0 });
    expect(await ids(a)).toEqual([]);

    expect(await text(stream)).toBe('1\n2\n');
    const door1 = await run(a, () => notes.count()); // waits for the connection
    expect(door1).toBe(2);
    expect(uses).toEqual({ taken: 2, returned: 2 });
  });

  const LEAVING: [string, () => Promise<Readable>][] = [
    ['a COPY is waiting for it to read', () => currentUnit().copyOut(MANY)],
    ['a COPY is computing its first row', () => currentUnit().copyOut('COPY (SELECT pg_sleep(30)) TO STDOUT')],
    [
      'a COPY feeds what it reads',
      async () => (await currentUnit().copyOut(MANY)).pipe(new PassThrough({ highWaterMark: 1 })),
    ],
    [
      'another statement runs',
      async () => {
        void currentUnit()
          .manager.query('SELECT pg_sleep(30)')
          .catch(() => undefined);
        return new PassThrough();
      },
    ],
    ['nothing runs', async () => new PassThrough()],
  ];

  it.each(LEAVING)('frees the connection at once when the reader leaves while %s', async (_while, open) => {
    const door1 = await counted();
    let pid = 0;
    const stream = await door1.run(a, async () => {
      await door1.notes.insert({ id: 1 });
      pid = await backend();
      return currentUnit().handOverTo(await open());
    });
    if (stream.readable) await Promise.race([once(stream, 'readable'), sleep(100)]);
    stream.read();
    const since = performance.now();
    stream.destroy();
    await serves(door1);
    await untilFree(pid);
    expect(performance.now() - since).toBeLessThan(1_000);
    expect(await ids(a)).toEqual([]);
    expect(door1.uses.returned).toBe(door1.uses.taken);
  });

  it('rolls back when the stream fails, and the pool goes on', async () => {
    const door1 = await counted();
    const stream = await door1.run(a, async () => {
      await door1.notes.insert({ id: 1 });
      const copy = 'COPY (SELECT 1 / (100000 - n) FROM generate_series(1, 200000) n) TO STDOUT';
      return currentUnit().handOverTo(await currentUnit().copyOut(copy));
    });
    await expect(text(stream)).rejects.toMatchObject({ code: '22012' });
    await serves(door1);
    expect(await ids(a)).toEqual([]);
    expect(door1.uses.returned).toBe(door1.uses.taken);
  });

  it.each([
    ['of a COPY', () => currentUnit().copyOut(MANY)],
    ['of anything', async () => new PassThrough()],
    ['that never closes', async () => new Readable({ read: () => undefined, destroy: () => undefined })],
  ])('ends the unit and destroys the stream, %s, when the work throws afterwards', async (_of, open) => {
    const door1 = await counted();
    let stream: Readable;
    const failing = door1.run(a, async () => {
      await door1.notes.insert({ id: 1 });
      stream = currentUnit().handOverTo(await open());
      throw new Error('mine');
    });
    await expect(failing).rejects.toThrow('mine');
    expect(stream!.destroyed).toBe(true);
    await serves(door1);
    expect(await ids(a)).toEqual([]);
    expect(door1.uses.returned).toBe(door1.uses.taken);
  });

  it('waits for the work where the stream is the faster of the two', async () => {
    const { run, notes } = await door();
    await run(a, async () => {
      const stream = currentUnit().handOverTo(Readable.from(['x']));
      await text(stream);
      await finished(stream);
      await notes.insert({ id: 1 });
    });
    expect(await run(a, () => notes.count())).toBe(1);
  });

  it('lets the stream read by repositories, whoever asks for more', async () => {
    const { run, notes } = await door();
    await run(a, () => notes.insert([{ id: 1 }, { id: 2 }, { id: 3 }]));
    const stream = await run(a, async () =>
      currentUnit().handOverTo(
        Readable.from(
          (async function* () {
            for (const id of [1, 2, 3]) {
              await notes.increment({ id }, 'count', id);
              yield currentScope()!.tenant.id + (await notes.findOneByOrFail({ id })).count;
            }
          })(),
          { highWaterMark: 1 },
        ),
      ),
    );
    expect(await text(stream)).toBe('a1a2a3');
    expect(await run(a, () => notes.sum('count'))).toBe(6);
  });

  it('still keeps nothing of a dry run', async () => {
    const { run, notes } = await door();
    const stream = await run(a, async () => {
      currentUnit().keepNothing();
      await notes.insert({ id: 1 });
      return currentUnit().handOverTo(await currentUnit().copyOut('COPY (SELECT id FROM note) TO STDOUT'));
    });
    expect(await text(stream)).toBe('1\n');
    expect(await run(a, () => notes.count())).toBe(0);
  });

  it('says so in the log when what the unit wrote could not be kept, for its answer has left', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const door1 = await door();
    const stream = await door1.run(a, async () => {
      await door1.notes.insert({ id: 1 });
      await door1.notes.insert({ id: 1 }).catch(() => undefined);
      return currentUnit().handOverTo(Readable.from(['all is well']));
    });
    expect(await text(stream)).toBe('all is well');
    await serves(door1);
    expect(await ids(a)).toEqual([]);
    expect(warn.mock.calls).toMatchObject([[{ message: expect.stringContaining('not kept') }]]);
    warn.mockRestore();
  });

  it('goes to one stream only', async () => {
    const { run } = await door();
    const greedy = run(a, async () => {
      currentUnit().handOverTo(new PassThrough());
      currentUnit().handOverTo(new PassThrough());
    });
    await expect(greedy).rejects.toThrow('handed over to a stream already');
  });
});
