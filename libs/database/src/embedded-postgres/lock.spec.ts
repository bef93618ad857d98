import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { withLock } from './lock';
import { isLive, newToken } from './tokens';

describe('withLock', () => {
  const root = mkdtempSync(join(tmpdir(), 'lock-'));
  const lock = join(root, 'lock');
  const announce = () => undefined;
  afterAll(() => rmSync(root, { recursive: true }));

  const heldBy = (token: string) => {
    mkdirSync(lock);
    writeFileSync(join(lock, token), '');
  };
  const [pid, began, nonce] = newToken().split('.');

  it('lets one in at a time, also where all find the same dead holder, and leaves nothing behind', async () => {
    heldBy(`${pid}.0-0.${nonce}`);
    let inside = 0;
    const most: number[] = [];
    const work = async () => {
      most.push(++inside);
      await turn();
      inside--;
    };
    await Promise.all(Array.from({ length: 20 }, () => withLock(lock, announce, work)));
    expect(most).toEqual(Array(20).fill(1));
    expect(readdirSync(root)).toEqual([]);
  });

  it('waits for a living holder', async () => {
    const order: string[] = [];
    const first = withLock(lock, announce, async () => {
      await turn();
      order.push('first');
    });
    await Promise.all([first, withLock(lock, announce, async () => void order.push('second'))]);
    expect(order).toEqual(['first', 'second']);
  });

  it('is free again when the work fails', async () => {
    await expect(withLock(lock, announce, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(withLock(lock, announce, () => Promise.resolve('yes'))).resolves.toBe('yes');
  });

  it('knows a process that has got the pid of a dead holder', () => {
    expect(isLive(`${pid}.${began}.${nonce}`)).toBe(true);
    if (process.platform !== 'win32') expect(isLive(`${pid}.0-0.${nonce}`)).toBe(false);
  });
});
