import { hostility } from './hostility';

const nested = (levels: number): object => {
  let value: object = {};
  for (let level = 1; level < levels; level++) value = { a: value };
  return value;
};

describe('hostility()', () => {
  it('finds nothing wrong with what can be stored', () => {
    expect(
      hostility({ text: '\u{1f9d9}‍♀️ \u202e\u0001', list: [1, null, true, [], {}], deep: nested(31) }),
    ).toBeUndefined();
  });

  it.each(['a\0', '\ud800', '\udc00x', 'x\ud83d'])('points at the text %j wherever it stands', (text) => {
    expect(hostility({ a: { 'b/c~d': [1, text] } })).toMatchObject({ code: 'text', pointer: '/a/b~1c~0d/1' });
  });

  it.each(['constructor', '__proto__', 'toString'])('points at the name %s wherever it stands', (name) => {
    const value = JSON.parse(`{"a": [{"${name}": 1}]}`) as object;
    expect(hostility(value)).toMatchObject({ code: 'unknown_field', pointer: `/a/0/${name}` });
  });

  it('refuses more than 32 levels, and survives any number', () => {
    expect(hostility(nested(32))).toBeUndefined();
    expect(hostility(nested(33))).toMatchObject({ code: 'depth' });
    expect(hostility(nested(100_000))).toMatchObject({ code: 'depth' });
  });
});
