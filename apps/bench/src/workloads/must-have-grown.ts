import { Target } from '../targets';

/** What `work` gives, once the target's table has really grown by so many rows. */
export async function mustHaveGrown<T>(target: Target, rows: number, work: () => Promise<T>): Promise<T> {
  const before = await target.table.count();
  const result = await work();
  const grown = (await target.table.count()) - before;
  if (grown !== rows) throw new Error(`${target.name} was to write ${rows} new books, and wrote ${grown}.`);
  return result;
}
