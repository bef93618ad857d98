import assert from 'node:assert/strict';
import { identifierOf, idOf, json, LONG_AGO, newBooks, upTo } from './books';
import { Target } from './targets';

/** Asks a target for everything it will be measured by, and throws unless its answers are right: speed alone is easy. */
export async function proveAnswers(target: Target): Promise<void> {
  try {
    await proveReads(target);
    await proveWrites(target);
  } catch (error) {
    throw new Error(`${target.name} does not answer as it should: ${(error as Error).message}`, { cause: error });
  }
}

async function proveReads(target: Target): Promise<void> {
  const { createdAt, updatedAt, ...seventh } = await read(target, `/${idOf(7)}`);
  const times = [createdAt, updatedAt].map((time) => new Date(time as string).getTime());
  assert.deepEqual(times, [LONG_AGO + 7, LONG_AGO + 7]);
  assert.deepEqual(seventh, {
    id: idOf(7),
    identifier: identifierOf(7),
    name: 'A Brief Horror Story of Time',
    author: 'Stephen "Hawk" King',
    releaseYear: 2035,
    averageRating: null,
    version: 1,
  });

  const { items } = (await read(target, '?limit=100')) as { items: { id: string }[] };
  const ids = items.map(({ id }) => id);
  assert.deepEqual(ids, upTo(100, idOf));
  assert.equal((await target.ask(`/${idOf(target.holds + 1)}`)).status, 404);
}

async function proveWrites(target: Target): Promise<void> {
  const [book, ...books] = newBooks('proof', 4);
  const created = await write(target, 'POST', '', book);
  assert.equal(created.status, 201);
  const { id } = JSON.parse(created.body.toString());
  assert.partialDeepStrictEqual(await read(target, `/${id}`), { ...book, id, version: 1 });
  assert.equal((await write(target, 'POST', '', book)).status, 409);

  const mustGrow = async (rows: number, method: string, items: unknown[]) => {
    const before = await target.table.count();
    const { status, body } = await write(target, method, '/bulk', items);
    assert(status === 200 || status === 201, `${method} books/bulk: ${status} ${body.toString()}`);
    assert.equal(await target.table.count(), before + rows);
  };
  const upserted = (n: number) => ({ ...book, identifier: identifierOf(n), name: `Upserted ${n}` });
  const updated = (n: number) => ({ id: idOf(n), name: `Updated ${n}` });
  await mustGrow(3, 'POST', books);
  await mustGrow(0, 'PUT', upTo(3, upserted));
  assert.equal((await read(target, `/${idOf(3)}`)).name, 'Upserted 3');
  await mustGrow(0, 'PATCH', upTo(3, updated));
  assert.equal((await read(target, `/${idOf(3)}`)).name, 'Updated 3');
}

const read = async (target: Target, path: string): Promise<Record<string, unknown>> =>
  JSON.parse((await target.must(path)).body.toString());

const write = (target: Target, method: string, path: string, value: unknown) =>
  target.ask(path, { method, headers: { 'content-type': 'application/json' }, body: json(value) });
