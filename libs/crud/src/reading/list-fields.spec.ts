import { Controller } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Column, DeleteDateColumn, Entity, ManyToOne, Unique } from 'typeorm';
import { BaseEntity, Trigram } from '@app/database';
import { CrudController } from '../crud.controller';
import type { CrudService } from '../crud.service';
import { Problem } from '../problem/problem';
import { Shapes } from '../shapes';
import { Lists, listFieldsOf } from './list-fields';
import { oneParameters, pageParameters } from './list-parameters';
import { PageQuery } from './list-query';
import { Parameters } from './parameters';

enum Rank {
  Reader,
  Writer,
}
enum Mood {
  Happy = 'happy',
  Sad = 'sad',
}

@Entity()
class Team extends BaseEntity {
  @Column('text') name: string;
}

/** Someone who may sign in: the model that has something to hide. */
@Entity()
@Unique('uc_Login_Email', ['email'])
class Login extends BaseEntity {
  @Trigram() @Column('text') email: string;
  @Trigram() @Column('text', { nullable: true }) passwordHash: string | null;
  @Column('uuid') teamId: string;
  @ManyToOne(() => Team) team: Team;
  @ManyToOne(() => Login) inviter: Login;
  @Column('enum', { enum: Rank }) rank: Rank;
  @Column('enum', { enum: Mood, nullable: true }) mood: Mood | null;
  @Column('numeric') balance: string;
  @Column('double precision') ratio: number;
  @Column('bigint') visits: string;
  @Column('smallint') failures: number;
  @Column('boolean') isActive: boolean;
  @Column('date') birthday: string;
  @Column('jsonb') settings: object;
  @Column('text', { array: true }) words: string[];
  @Column() label: string;
  @Column({ nullable: true }) count: number;
  @DeleteDateColumn({ type: 'timestamptz' }) deletedAt: Date | null;
}

class TeamDto {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
}

/** All of a login but what is nobody's business. */
class LoginDto {
  @ApiProperty() id: string;
  @ApiProperty() email: string;
  @ApiProperty() teamId: string;
  @ApiPropertyOptional({ type: () => TeamDto }) team?: TeamDto;
  @ApiProperty() rank: Rank;
  @ApiProperty() mood: Mood;
  @ApiProperty() balance: string;
  @ApiProperty() ratio: number;
  @ApiProperty() visits: string;
  @ApiProperty() failures: number;
  @ApiProperty() isActive: boolean;
  @ApiProperty() birthday: string;
  @ApiProperty() settings: object;
  @ApiProperty() words: string[];
  @ApiProperty() label: string;
  @ApiProperty() count: number;
  @ApiProperty() deletedAt: Date;
  /** In no column: its controller would work it out. */
  @ApiProperty() initials: string;
}

const shapes = { read: LoginDto, create: LoginDto, update: LoginDto } as never as Shapes<LoginDto, object, object>;
const HIDDEN = ['passwordHash', 'createdAt', 'updatedAt', 'version'];

const parametersOf = (lists?: Lists<LoginDto>): Parameters =>
  new Parameters(pageParameters(listFieldsOf(Login, LoginDto, lists)));
const parameters = parametersOf();

/** What `query` is refused for; an error where it is not. */
const refusalOf = (query: Record<string, string>, of = parameters): object[] =>
  catchOf(() => of.transform(query)).body.errors!.map(({ pointer, code }) => ({ pointer, code }));

describe('a column that the read shape hides', () => {
  const fields = listFieldsOf(Login, LoginDto);

  it('is in nothing that clients may ask for', () => {
    const asked = JSON.stringify(pageParameters(fields).concat(oneParameters(fields)));
    for (const hidden of [...HIDDEN, 'inviter']) expect(asked).not.toContain(hidden);
    expect(asked).toContain('email');
  });

  it.each(HIDDEN)('cannot be filtered or counted by: %s', (hidden) => {
    for (const operator of ['eq', 'ne', 'in', 'nin', 'gt', 'lt', 'gte', 'lte', 'between', 'null', 'like', 'ilike']) {
      const name = `filter[${hidden}][${operator}]`;
      expect(refusalOf({ [name]: 'aaa', count: 'exact' })).toEqual([{ pointer: `/${name}`, code: 'unknown_field' }]);
    }
  });

  it('is not what a list goes by that nobody sorts', () => {
    expect(parameters.transform({})).toEqual({ sort: [{ field: 'id', descending: false }] });
  });

  it.each(HIDDEN)('cannot be sorted by, in any place: %s', (hidden) => {
    for (const sort of [hidden, `-${hidden}`, `email,${hidden}`])
      expect(refusalOf({ sort })).toEqual([{ pointer: '/sort', code: 'unknown_field' }]);
  });

  it.each(HIDDEN)('cannot be selected or included: %s', (hidden) => {
    expect(refusalOf({ fields: hidden })).toEqual([{ pointer: '/fields', code: 'unknown_field' }]);
    expect(refusalOf({ include: hidden })).toEqual([{ pointer: '/include', code: 'unknown_field' }]);
  });

  it('is not named by the refusal of another', () => {
    for (const name of ['sort', 'fields', 'include']) {
      const { message } = catchOf(() => parameters.transform({ [name]: 'x' }));
      for (const hidden of HIDDEN) expect(message).not.toContain(hidden);
    }
  });

  it('stays hidden in a record that another one includes', async () => {
    @Controller('logins')
    class LoginsController extends CrudController(Login, shapes) {}
    const row = { id: '1', passwordHash: 'secret', team: { id: '2', name: 'Red', version: 7, budget: 'secret' } };
    const service = {
      readOne: () => Promise.resolve(row),
      readPage: () => Promise.resolve({ items: [row], nextCursor: null }),
    } as unknown as CrudService<Login>;
    const controller = new LoginsController(service);
    const query = { include: ['team'], fields: ['email'] };
    const shown = { id: '1', team: { id: '2', name: 'Red' } };
    expect(await controller.readOne('1', query)).toEqual(shown);
    expect((await controller.readPage(query)).items).toEqual([shown]);
  });

  it('cannot be chosen in `lists` either: the boot stops with a sentence', () => {
    for (const lists of [{ sort: ['passwordHash'] }, { filter: ['email', 'passwordHash'] }]) {
      expect(() => listFieldsOf(Login, LoginDto, lists as Lists<LoginDto>)).toThrow(
        'Lists of Login cannot go by passwordHash: name a column of Login that holds one value and that LoginDto shows.',
      );
    }
  });
});

describe('listFieldsOf()', () => {
  const { filter, ...fields } = listFieldsOf(Login, LoginDto);
  const scalar = ['id', 'email', 'teamId', 'rank', 'mood', 'balance', 'ratio', 'visits', 'failures', 'isActive', 'birthday']
    .concat('label', 'count', 'deletedAt'); // prettier-ignore

  it('takes every column that is shown and holds one value', () => {
    expect([...fields.sort].sort()).toEqual([...scalar].sort());
    expect(filter.map(({ name }) => name)).toEqual(fields.sort);
  });

  it('selects whatever is shown, and includes the relations that are', () => {
    expect([...fields.all].sort()).toEqual([...scalar, 'settings', 'words', 'initials'].sort());
    expect(fields.include).toEqual(['team']);
  });

  const ordered = ['eq', 'ne', 'in', 'nin', 'gt', 'gte', 'lt', 'lte', 'between'];
  const unordered = ['eq', 'ne', 'in', 'nin'];
  it.each([
    ['id', 'uuid', unordered],
    ['email', 'text', [...ordered, 'like', 'ilike']],
    ['rank', 'enum', unordered],
    ['mood', 'enum', [...unordered, 'null']],
    ['balance', 'decimal', ordered],
    ['ratio', 'number', ordered],
    ['visits', 'integer', ordered],
    ['isActive', 'boolean', unordered],
    ['birthday', 'date', ordered],
    ['label', 'text', ordered],
    ['count', 'integer', [...ordered, 'null']],
    ['deletedAt', 'time', [...ordered, 'null']],
  ])('compares %s as %s', (name, kind, operators) => {
    expect(filter.find((field) => field.name === name)).toMatchObject({ kind, operators });
  });

  it('knows the values of an enum as the database has them', () => {
    expect(filter.find(({ name }) => name === 'rank')?.values).toEqual(['0', '1']);
    expect(filter.find(({ name }) => name === 'mood')?.values).toEqual(['happy', 'sad']);
  });

  it('narrows sorts and filters to those a model names, each on its own', () => {
    const narrowed = listFieldsOf(Login, LoginDto, { sort: ['email'] });
    expect(narrowed.sort).toEqual(['email']);
    expect(narrowed.filter).toEqual(filter);
    expect(narrowed.all).toEqual(fields.all);

    const own = parametersOf({ sort: ['email', 'id'], filter: ['visits'] });
    expect(own.transform({ sort: '-email', 'filter[visits][gte]': '3' })).toEqual({
      sort: [{ field: 'email', descending: true }],
      filter: [{ field: 'visits', operator: 'gte', values: ['3'] }],
    } satisfies PageQuery);
    expect(refusalOf({ sort: 'label', 'filter[label][eq]': 'x' }, own)).toEqual([
      { pointer: '/sort', code: 'unknown_field' },
      { pointer: '/filter[label][eq]', code: 'unknown_field' },
    ]);
  });

  it('leaves a list without any filter where a model names none', () => {
    expect(refusalOf({ 'filter[id][eq]': 'x' }, parametersOf({ filter: [] }))).toEqual([
      { pointer: '/filter[id][eq]', code: 'unknown_field' },
    ]);
  });

  it.each(['settings', 'words', 'team', 'initials', 'nothing'])(
    'stops the boot for %s in `lists`, which holds no one value',
    (name) => {
      expect(() => CrudController(Login, { ...shapes, lists: { sort: [name as never] } })).toThrow(
        `Lists of Login cannot go by ${name}: name a column of Login that holds one value and that LoginDto shows.`,
      );
    },
  );
});

describe('a filter', () => {
  const read = (name: string, ...texts: string[]): unknown[] => {
    const { filter } = parameters.transform({ [`filter[${name}]`]: texts }) as PageQuery;
    return filter![0].values;
  };
  const codeOf = (name: string, text: string): unknown => catchOf(() => read(name, text)).body.errors![0].code;

  it('reads whole numbers as far as their column reaches', () => {
    expect(read('visits][in', '-9223372036854775808', '9223372036854775807')).toHaveLength(2);
    expect(codeOf('visits][eq', '9223372036854775808')).toBe('range');
    expect(codeOf('visits][eq', '-9223372036854775809')).toBe('range');
    expect(read('failures][between', '-32768', '32767')).toHaveLength(2);
    expect(codeOf('failures][eq', '32768')).toBe('range');
    expect(codeOf('count][eq', '2147483648')).toBe('range');
  });

  it.each([
    ['isActive', 'is_boolean', ['true', 'false'], ['1', 'TRUE', '', 't']],
    ['rank', 'is_in', ['0', '1'], ['2', 'Reader', '', 'constructor']],
    ['mood', 'is_in', ['happy'], ['Happy', 'happy ', '']],
    ['birthday', 'is_date', ['2024-02-29', '0001-01-01', '9999-12-31'], ['2023-02-29', '2024-2-9', 'today', '0000-01-01']],
    ['balance', 'is_decimal', ['0.1', '-.5', '5.', '+1', '9'.repeat(500)], ['1e3', '.', '', 'NaN', '9'.repeat(501)]],
  ])('of %s reads what it means, and refuses anything else', (field, code, right, wrong) => {
    for (const text of right) expect(String(read(`${field}][eq`, text)[0])).toBe(text);
    for (const text of wrong) expect({ text, code: codeOf(`${field}][eq`, text) }).toEqual({ text, code });
  }); // prettier-ignore

  it.each(listFieldsOf(Login, LoginDto).filter.filter(({ kind }) => kind !== 'text'))(
    'of $name refuses in no time what is long',
    ({ name }) => {
      const start = performance.now();
      for (const long of [
        '1'.repeat(15_000),
        '-',
        '\\'.repeat(15_000),
        `${'1.'.repeat(7_500)}e`,
        `2026-11-22T${'1'.repeat(15_000)}`,
      ])
        catchOf(() => read(`${name}][eq`, `${long}x`));
      expect(performance.now() - start).toBeLessThan(200); // ms; a pattern that tries every split takes a second
    },
  );

  it.each(['abc', '%abc%', '_abc', 'a\\bc', '\\%abc', 'naïve%', '日本語', '123', 'ab abc', '\\\\abc'])(
    'searches for %s',
    (pattern) => expect(read('email][ilike', pattern)).toEqual([pattern]),
  );

  it.each(['', '%', 'ab', 'ab%cd', 'a_b_c', 'ab\\\\c', '%ab\\\\%', '%!!!%', '...', 'a-b-c', '\\%\\_\\%', 'abc\\', 'abc\\\\\\'])(
    'does not search for %s, for which no index of trigrams is of use',
    (pattern) => expect(codeOf('email][ilike', pattern)).toBe('pattern'),
  ); // prettier-ignore
});

function catchOf(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('Nothing was refused.');
}
