import { QueryFailedError } from 'typeorm';
import { causeOf } from './database-causes';
import { Cause, Problem } from './problem';

const cause = (status: number, code: string, index = 0): Cause => ({
  status,
  code,
  detail: `${code}.`,
  pointer: '/a',
  index,
});

describe('Problem.of()', () => {
  it('speaks of a single cause in its words', () => {
    const problem = Problem.of([cause(409, 'unique')]);
    expect(problem.getStatus()).toBe(409);
    expect(problem.body).toMatchObject({ status: 409, code: 'unique', detail: 'unique.' });
    expect(problem.body.errors).toEqual([{ pointer: '/a', code: 'unique', detail: 'unique.', index: 0 }]);
  });

  it('has the status all causes share, else 422', () => {
    expect(Problem.of([cause(404, 'not_found'), cause(404, 'not_found', 1)]).body).toMatchObject({
      status: 404,
      code: 'not_found',
    });
    expect(Problem.of([cause(404, 'not_found'), cause(409, 'unique', 1)]).body).toMatchObject({
      status: 422,
      code: 'invalid',
    });
  });

  it('names the first 1,000 causes and counts them all', () => {
    const { errors, detail } = Problem.of(Array.from({ length: 1_001 }, (_cause, n) => cause(422, 'x', n))).body;
    expect(errors).toHaveLength(1_000);
    expect(detail).toMatch(/^1001 things/);
  });
});

describe('causeOf()', () => {
  const failed = (code: string, more: object = {}) =>
    new QueryFailedError(
      'SELECT 1',
      [],
      Object.assign(new Error('duplicate key value violates uc_Book'), { code, ...more }),
    );

  it.each([
    ['23505', 409, 'unique'],
    ['23503', 422, 'foreign_key'],
    ['23502', 422, 'required'],
    ['22003', 422, 'invalid'],
    ['22021', 422, 'invalid'],
    ['23514', 422, 'invalid'],
  ])('gives %s the status %i, code %s, and no word of Postgres', (code, status, word) => {
    const found = causeOf(failed(code), [], 'write')!;
    expect(found).toMatchObject({ status, code: word });
    expect(JSON.stringify(found)).not.toContain('uc_Book');
  });

  it.each(['23503', '23001'])('takes %s of a deletion for a reference that is still there', (code) => {
    expect(causeOf(failed(code), [], 'delete')).toMatchObject({ status: 409, code: 'still_referenced' });
  });

  it.each(['23505', '40001'])('takes %s in a table of versions for another version that came in between', (code) => {
    expect(causeOf(failed(code, { table: 'book_versions' }), [], 'write')).toMatchObject({
      status: 409,
      code: 'overtaken',
    });
  });

  it('leaves other errors alone', () => {
    expect(causeOf(failed('40001'), [], 'write')).toBeUndefined();
    expect(causeOf(failed('42P01'), [], 'write')).toBeUndefined();
    expect(causeOf(new Error('x'), [], 'write')).toBeUndefined();
  });
});
