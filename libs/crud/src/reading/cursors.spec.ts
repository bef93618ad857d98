import { Settings } from '@app/config';
import { KeysService } from '@app/tenancy';
import { Problem } from '../problem/problem';
import { Cursors, LONGEST_CURSOR, Position } from './cursors';

const SECRET = 'the secret of cursors, long enough';
const POSITION: Position = ['2026-11-22 12:00:00.123456+00', null, 'é"\\\u{1f9d9}', '-0.1', ''];

const cursorsWith = (secret: string): Cursors => new Cursors({ cursorSecret: secret } as Settings, {} as KeysService);
const cursors = cursorsWith(SECRET);

/** The code of the 400 that answers `cursor`, which must point at it. */
async function refusalOf(cursor: string, list = 'list', own = cursors): Promise<string> {
  const problem = await own.open(list, cursor).catch((error: unknown) => error);
  if (!(problem instanceof Problem)) throw new Error(`${cursor} was taken.`);
  expect(problem.body).toMatchObject({ status: 400, errors: [{ pointer: '/cursor' }] });
  return problem.body.code;
}

describe('Cursors', () => {
  it.each([[POSITION], [['1']], [[null, null]], [[]]])('gives back the position it was given: %j', async (position) => {
    expect(await cursors.open('list', await cursors.seal('list', position))).toEqual(position);
  });

  it('refuses a cursor in which any letter is another, is missing or is one too many', async () => {
    const cursor = await cursors.seal('list', POSITION);
    for (let place = 0; place <= cursor.length; place++) {
      const [before, letter, after] = [cursor.slice(0, place), cursor[place], cursor.slice(place + 1)];
      for (const other of ['A', 'B', 'w', '0', '-', '_', '.', '+', '/', '=', ' ', '\0', 'é', '😀']) {
        if (other !== letter) await refusalOf(before + other + after);
        await refusalOf(before + other + cursor.slice(place));
      }
      if (place < cursor.length) await refusalOf(before + after);
    }
  });

  it('refuses each of the 64 letters that could stand last, but the one that does', async () => {
    const cursor = await cursors.seal('list', POSITION);
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (const letter of letters.replace(cursor.at(-1)!, '')) await refusalOf(cursor.slice(0, -1) + letter);
  });

  it('refuses every beginning and every end of a cursor', async () => {
    const cursor = await cursors.seal('list', POSITION);
    for (let place = 0; place < cursor.length; place++) {
      expect(await refusalOf(cursor.slice(0, place))).toBe('malformed_cursor');
      if (place) await refusalOf(cursor.slice(place));
    }
  });

  it('refuses a cursor of another list, and says so', async () => {
    const cursor = await cursors.seal('list', POSITION);
    expect(await refusalOf(cursor, 'other list')).toBe('other_list');
    expect(await refusalOf(cursor, '')).toBe('other_list');
  });

  it('refuses a position that another list has sealed, under the name of this one', async () => {
    const [said] = (await cursors.seal('list', ['1'])).split('.');
    const [, mac] = (await cursors.seal('other list', ['1'])).split('.');
    expect(await refusalOf(`${said}.${mac}`)).toBe('malformed_cursor');
  });

  it('refuses a cursor that was sealed with another secret', async () => {
    const foreign = cursorsWith(SECRET.replace('the', 'any'));
    expect(await refusalOf(await foreign.seal('list', POSITION))).toBe('malformed_cursor');
  });

  it.each([0, 1, 15, 17, 32])('refuses a cursor whose seal has %i bytes', async (length) => {
    const [said] = (await cursors.seal('list', POSITION)).split('.');
    expect(await refusalOf(`${said}.${Buffer.alloc(length).toString('base64url')}`)).toBe('malformed_cursor');
  });

  it('seals no position that is too long to be asked for', async () => {
    expect((await cursors.seal('list', ['x'.repeat(3_700)])).length).toBeLessThanOrEqual(LONGEST_CURSOR);
    await expect(cursors.seal('list', ['x'.repeat(3_800)])).rejects.toMatchObject({
      body: { status: 400, code: 'too_long', errors: [{ pointer: '/sort' }] },
    });
  });

  it('reads its key once, before there are requests, and later where there was none yet', async () => {
    const valueOf = jest.fn<Promise<string>, []>().mockRejectedValueOnce(new Error('no key')).mockResolvedValue(SECRET);
    const own = new Cursors({} as Settings, { valueOf } as unknown as KeysService);
    await own.onModuleInit();
    const cursor = await own.seal('list', POSITION);
    expect(await own.open('list', cursor)).toEqual(POSITION);
    expect(valueOf).toHaveBeenCalledTimes(2);

    const ready = new Cursors({} as Settings, { valueOf } as unknown as KeysService);
    await ready.onModuleInit();
    valueOf.mockRejectedValue(new Error('a second connection'));
    expect(await ready.seal('list', POSITION)).toBe(cursor);
  });
});
