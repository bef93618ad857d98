import { validate, version } from 'uuid';
import { newId } from './new-id';

describe('newId', () => {
  const ids = Array.from({ length: 100_000 }, newId);

  it('makes UUIDs of version 7 that tell when they were made', () => {
    expect(ids.filter((id) => !validate(id) || version(id) !== 7)).toEqual([]);
    const madeAt = parseInt(ids.at(-1)!.replace('-', '').slice(0, 12), 16);
    expect(Math.abs(Date.now() - madeAt)).toBeLessThan(60_000);
  });

  it('makes each once, and sorting after those before it', () => {
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
  });

  it('goes on from the last when the clock is set back', () => {
    jest.useFakeTimers({ now: Date.now() - 3_600_000 });
    expect(newId() > ids.at(-1)!).toBe(true);
    jest.useRealTimers();
  });

  it('ends each in what nobody can foresee', () => {
    const ends = ids.map((id) => id.slice(-8));
    expect(new Set(ends).size).toBeGreaterThan(ids.length - 10);
  });
});
