import * as fc from 'fast-check';
import { escapeFormula, FORMULA, unescapeFormula } from './formula';

const dangerous = fc.string({ unit: fc.constantFrom("'", '=', '+', '-', '@', '\t', '\r', '\n', 'a') });

describe('escapeFormula()', () => {
  it.each(['=1+1', '+1', '-1', '@SUM(1)', '\t=1', '\r=1', "'=1", "''@"])('puts an apostrophe before %j', (text) => {
    expect(escapeFormula(text)).toBe(`'${text}`);
  });

  it.each(['', 'a=1', "'", "'quoted'", ' =1', '\n=1', '1-1'])('leaves %j alone', (text) => {
    expect(escapeFormula(text)).toBe(text);
  });

  it('leaves nothing that begins as a formula does', () => {
    fc.assert(fc.property(dangerous, (text) => !/^[=+\-@\t\r]/.test(escapeFormula(text))));
  });
});

describe('unescapeFormula()', () => {
  it('undoes what escapeFormula() did, whatever the text', () => {
    for (const texts of [dangerous, fc.string({ unit: 'binary' })]) {
      fc.assert(fc.property(texts, (text) => unescapeFormula(escapeFormula(text)) === text));
    }
  });

  it.each(['=1', "it's", "'quoted'", "'"])('leaves %j alone, which was written by hand', (text) => {
    expect(unescapeFormula(text)).toBe(text);
  });
});

it('says the same to Postgres, which knows no flags and few escapes', () => {
  expect(FORMULA.flags).toBe('');
  expect(FORMULA.source).toBe(String.raw`^'*[=+@\t\r-]`);
});
