import * as fc from 'fast-check';
import { types } from 'pg';
import { parseTime } from './parse-time';

const parse = types.getTypeParser(types.builtins.TIMESTAMPTZ);

describe('parseTime', () => {
  it.each([
    '2026-11-22 20:50:14+00',
    '2026-11-22 20:50:14.1+00',
    '2026-11-22 20:50:14.12+00',
    '2026-11-22 20:50:14.123+00',
    '2026-11-22 20:50:14.123456+00',
    '0099-12-31 23:59:59.999+00',
    '0100-01-01 00:00:00+00',
    '12026-11-22 20:50:14.123+00',
    '0044-03-15 12:00:00+00 BC',
    '2026-11-22 20:50:14.123+02',
    '2026-11-22 20:50:14.12+05:30',
    '2026-11-22 20:50:14-08',
    '1883-11-18 12:03:58-07:52:58',
    'infinity',
    '-infinity',
  ])('reads %s as pg does', (text) => {
    expect(parseTime(text)).toEqual(parse(text));
  });

  it('reads every time as pg does', () => {
    const times = fc.date({
      min: new Date('0000-01-01'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(times, fc.constantFrom('+00', '-11:30', '+00 BC'), (time, zone) => {
        const text =
          time
            .toISOString()
            .replace('T', ' ')
            .replace(/\.?0*Z$/, '') + zone;
        expect(parseTime(text)).toEqual(parse(text));
      }),
    );
  });
});
