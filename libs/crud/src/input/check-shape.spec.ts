import '@app/testing'; // brings every model with it
import assert from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import type { Type } from '@nestjs/common';
import { PartialType } from '@nestjs/swagger';
import { Exclude, Expose, Transform, Type as TypeOf } from 'class-transformer';
import {
  Allow,
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  Contains,
  Equals,
  getMetadataStorage,
  IsArray,
  IsBoolean,
  IsDate,
  IsDefined,
  IsEmail,
  IsEnum,
  IsIn,
  IsInt,
  IsISO8601,
  IsNotEmpty,
  IsNumber,
  IsNumberString,
  IsObject,
  IsOptional,
  IsPositive,
  IsString,
  IsUrl,
  IsUUID,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  NotEquals,
  registerDecorator,
  useContainer,
  Validate,
  ValidateIf,
  ValidateNested,
  ValidatePromise,
  validateSync,
  type ValidationArguments,
  ValidatorConstraint,
} from 'class-validator';
import * as fc from 'fast-check';
import { fieldsOf, upsertOf, withId } from '../shapes';
import { checkInterpreted, checkShape } from './check-shape';

jest.mock('class-validator', () => {
  const actual = jest.requireActual<typeof import('class-validator')>('class-validator');
  return { ...actual, validateSync: jest.fn(actual.validateSync) };
});

const RUNS = 200; // of each shape; fast-check prints seed and path of a failure, for fc.assert's options

/** The shapes in which a model's records arrive, as CrudController makes them of the one for create. */
const SHIPPED = ['CreateBookDto', 'CreateCriticDto', 'CreateReviewDto'].flatMap((name) => {
  const decorated = Reflect.get(getMetadataStorage(), 'validationMetadatas') as Map<Type<object>, unknown>;
  const create = [...decorated.keys()].findLast((Class) => Class.name === name)!; // jest's own process left an older one
  const update = PartialType(create);
  return [create, update, upsertOf(create, fieldsOf(create).slice(0, 1)), withId(update)];
});

/** A decorator of one's own. */
const Rule =
  (
    validate: (value: unknown, args: ValidationArguments) => boolean | Promise<boolean>,
    { name = 'custom', async = false, each = false, constraints = [] as unknown[] } = {},
  ): PropertyDecorator =>
  (target, property) =>
    registerDecorator({
      name,
      async,
      constraints,
      target: target.constructor,
      propertyName: property as string,
      options: { each },
      validator: { validate: (value, args) => validate(value, args!), defaultMessage: () => '$property is odd' },
    });

@ValidatorConstraint({ name: 'isShort' })
class IsShort {
  private readonly most = 3;

  validate(value: unknown): boolean {
    return typeof value !== 'string' || value.length <= this.most;
  }
}

enum Colour {
  Red = 'red',
  Blue = 'blue',
}

class Texts {
  @Length(2, 4) length: string;
  @MinLength(3) @MaxLength(4) both: string;
  @IsOptional() @Length(2) atLeast: string;
  @IsOptional() @MinLength(1.5) fraction: string;
  @IsOptional() @MaxLength(3, { message: ({ value }) => `${String(value).length} are too many` }) told: string;
  @IsOptional() @MinLength(2, { each: true }) @MaxLength(3, { each: true }) each: string[];
  /** Looks like class-validator's and is stricter. */
  @IsOptional()
  @Rule((value, { constraints }) => String(value).trim().length >= constraints[0], {
    name: 'minLength',
    constraints: [1],
  })
  trimmed: string;
  @IsOptional() @Rule(() => false, { name: 'maxLength', constraints: [9] }) never: string;
}

class Kinds {
  @IsOptional() @IsString() @IsNotEmpty() @Matches(/^[a-z]*$/) word: string;
  @IsOptional() @Contains('x') contains: string;
  @IsOptional() @IsUUID() uuid: string;
  @IsOptional() @IsEmail() email: string;
  @IsOptional() @IsUrl() url: string;
  @IsOptional() @IsISO8601() moment: string;
  @IsOptional() @IsNumberString() digits: string;
  @IsOptional() @IsDate() date: Date;
  @IsOptional() @IsInt() @Min(-2) @Max(10) integer: number;
  @IsOptional() @IsNumber({ maxDecimalPlaces: 1 }) @IsPositive() number: number;
  @IsOptional() @IsBoolean() flag: boolean;
  @IsOptional() @IsIn([1, 'x', null]) one: unknown;
  @IsOptional() @IsEnum(Colour) colour: Colour;
  @IsOptional() @Equals(1) equal: number;
  @IsOptional() @NotEquals(1) unequal: number;
  @IsOptional() @IsObject() object: object;
  @IsOptional() @IsArray() @ArrayMinSize(1) @ArrayMaxSize(2) @ArrayUnique() list: unknown[];
  @IsOptional() @IsInt({ each: true }) integers: number[];
  @IsInt({ groups: ['g'] }) @IsOptional() grouped: number;
  @IsDefined() @Allow() defined: unknown;
  @Allow() anything: unknown;
}

class Conditions {
  @IsOptional() @IsString() word: string;
  @ValidateIf((_object, value) => value !== 'x')
  @ValidateIf((_object, value) => value !== 1)
  @IsBoolean()
  flag: boolean;
  @ValidateIf((object: Conditions) => object.word !== undefined) @IsInt() integer: number;
  @IsOptional() @Min(3, { validateIf: (object: Conditions) => object.word === undefined }) number: number;
}

class Custom {
  @IsOptional() @Rule((value, { object, value: whole }) => value === whole && 'word' in object) odd: unknown;
  @IsOptional() @Rule((value, { targetName }) => value === targetName || value === 1) named: unknown;
  @IsOptional() @Rule((value, { value: whole }) => value === 'xx' && whole !== value, { each: true }) each: unknown[];
  @IsOptional() @Rule(() => assert.fail('validateSync asks no such'), { async: true }) later: unknown;
  @IsOptional() @Rule(async () => false) promised: unknown;
  @IsOptional() @Rule((value) => value === 1 && Promise.resolve(true), { each: true }) mixed: unknown[];
  @IsOptional() @Validate(IsShort) short: string;
  @IsOptional() @IsString() word: string;
}

class Defaults {
  @IsInt() integer: number = 7;
  @Rule((value) => value !== 1, { each: true }) set: unknown = new Set(['x', 1]);
  @IsOptional() @IsArray() list: string[] = ['x'];
  @IsOptional() @IsString() word: string;
  readonly #secret = 'x';

  reveal(): string {
    return this.#secret;
  }
}

class Bare extends PartialType(Texts) {
  #secret: string;

  constructor() {
    super();
    this.#secret = 'x';
  }

  reveal(): string {
    return this.#secret;
  }
}

class Child {
  @IsString() word: string;
}

class Nested {
  @IsOptional() @ValidateNested({ each: true }) children: Child[];
  @IsOptional() @ValidateNested() plain: Child;
  @IsOptional() @ValidatePromise() promise: unknown;
  @IsOptional() @IsString() word: string;
}

class Transformed {
  @IsOptional() @ValidateNested() @TypeOf(() => Child) child: Child;
  @IsOptional() @IsDefined() @Transform(({ value }) => Number(value)) number: unknown;
  @IsOptional() @IsDefined() @TypeOf(() => Number) integer: unknown;
  @IsOptional() @IsString() @Transform(() => 1, { toPlainOnly: true }) word: string;
}

class Exposed {
  @IsOptional() @IsString() @Expose({ name: 'flag' }) word: string;
}

class Excluded {
  @IsOptional() @IsString() word: string;
  @IsOptional() @IsString() @Exclude() flag: string;
}

@Exclude()
class Closed {
  @IsOptional() @IsString() word: string;
}

class WithMethods {
  @IsOptional() @IsString() word: string;
  @IsOptional() @IsString() get url(): string {
    return 'x';
  }
  @IsDefined() number() {
    return 1;
  }
  @IsDefined() flag: unknown = namesOf;
}

class Undecorated {
  @IsOptional() @IsString() word: string;
  flag: boolean;
}

class Empty {}

const MADE_HERE = [
  Texts,
  Kinds,
  Conditions,
  Custom,
  Defaults,
  Bare,
  Nested,
  Transformed,
  Exposed,
  Excluded,
  Closed,
  WithMethods,
  Undecorated,
  Empty,
  PartialType(Defaults),
  class Inheriting extends Texts {},
];

const UUID = '019ab3c2-8f4e-4a61-9d3b-2f6f0a1c5e77';
const nestedTo = (levels: number): unknown => (levels ? [{ a: nestedTo(levels - 1) }] : 'x');

/** What some field somewhere takes. */
const PLAUSIBLE = [
  'xx',
  'xxx',
  1,
  UUID,
  true,
  ['xx'],
  { word: 'x' },
  'a@b.example',
  '2026-11-22',
  '12',
  'red',
  [1],
  5,
  null,
];
const HOSTILE: unknown[] = [
  [undefined, NaN, -0, 0, 1.5, 1.55, -1, 10_000, 1e308, Infinity, 'x', '', '   ', 'Custom', 'x'.repeat(300), false],
  ['xxxx', 'xxxxx', 'a\0', '\ud800', 'x\udc00', '\u{1f9d9}', '\u{1f9d9}'.repeat(4), '\ufe0f'.repeat(4)],
  [1, 2, 3, 4, 5].map((times) => '\u{1f9d9}\ufe0f'.repeat(times)),
  [[], [[]], ['x', 'x'], ['xx', 1], ['a\0'], [null], [undefined], new Array(2), ['\u{1f9d9}', 'xx'], [1, 'x']],
  [{}, { a: { b: ['\ud800'] } }, { word: 1 }, { constructor: 1 }, JSON.parse('{"__proto__": {"word": "x"}}')],
  [nestedTo(3), nestedTo(5), nestedTo(15), nestedTo(16), nestedTo(40)],
  [Symbol('x'), 1n, () => 1, new Date(0), new Map([['x', 1]]), new Set(['x']), new String('x'), Buffer.from('x')],
  [Object.create(null), Object.create({ word: 'x' }), new Child(), /x/, Promise.resolve('x')],
].flat();
const KEYS = ['unknown', '__proto__', 'constructor', 'toString', 'then', '', 'a/b~c', 'word', 'flag'];

function namesOf(Shape: Type<object>): string[] {
  const demands = getMetadataStorage().getTargetValidationMetadatas(Shape, '', false, false);
  return [...new Set(demands.map(({ propertyName }) => propertyName))];
}

/** The first plausible value of each field that class-validator has nothing against. */
function validOf(Shape: Type<object>): Record<string, unknown> {
  const valid: Record<string, unknown> = {};
  for (const name of namesOf(Shape)) {
    const found = PLAUSIBLE.find((value) =>
      checkInterpreted(Shape, { ...valid, [name]: value }).causes.every(
        ({ pointer }) => pointer.split('/')[1] !== name,
      ),
    );
    if (found !== undefined) valid[name] = found;
  }
  return valid;
}

/** Values that could be meant for `Shape`: most nearly right, some anything. */
function valuesFor(Shape: Type<object>): fc.Arbitrary<object> {
  const valid = validOf(Shape);
  const value = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom<unknown>(...PLAUSIBLE) },
    { weight: 3, arbitrary: fc.constantFrom<unknown>(...HOSTILE) },
    fc.string({ unit: fc.constantFrom('x', ' ', '\0', '\u{1f9d9}', '\ufe0f', '\ud800', 'é'), maxLength: 14 }),
    fc.jsonValue(),
    fc.anything(),
  );
  const names = namesOf(Shape);
  const key = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...(names.length ? names : KEYS)) },
    { weight: 1, arbitrary: fc.constantFrom(...KEYS) },
  );
  return fc
    .record({
      missing: fc.oneof(fc.array(key, { maxLength: 1 }), fc.subarray(names)),
      changes: fc.array(fc.tuple(key, value), { maxLength: 2 }),
      prototype: fc.oneof(
        { weight: 9, arbitrary: fc.constant(Object.prototype) },
        fc.constantFrom(null, Child.prototype),
      ),
    })
    .map(({ missing, changes, prototype }) => {
      const object: object = Object.create(prototype);
      for (const [name, value] of [...Object.entries(valid).filter(([name]) => !missing.includes(name)), ...changes]) {
        Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
      }
      return object;
    });
}

/** All there is to see of what `check` does. */
function outcomeOf(check: () => { value?: object; causes: unknown[] }) {
  try {
    const { value, causes } = check();
    return { value, causes, keys: value && Reflect.ownKeys(value), prototype: value && Object.getPrototypeOf(value) };
  } catch (error) {
    return { error: String(error) };
  }
}

const asTable = (Shapes: Type<object>[]) => Shapes.map((Shape) => [Shape.name, Shape] as const);

describe('checkShape()', () => {
  it.each(asTable([...SHIPPED, ...MADE_HERE]))(
    'says of %s what class-validator says, and makes the same',
    (_name, Shape) => {
      const valid = validOf(Shape);
      const agrees = (value: object) => {
        const [ours, theirs] = [checkShape, checkInterpreted].map((check) => outcomeOf(() => check(Shape, value)));
        if (!isDeepStrictEqual(ours, theirs)) expect(ours).toStrictEqual(theirs); // which is slower, and says more
      };
      for (const value of [valid, {}, new Date(0), new Map([['word', 'x']]), Object.create(valid)]) agrees(value);
      for (const name of namesOf(Shape))
        for (const value of [...PLAUSIBLE, ...HOSTILE]) agrees({ ...valid, [name]: value });
      fc.assert(fc.property(valuesFor(Shape), agrees), { numRuns: RUNS });
    },
  );

  it.each(asTable([...SHIPPED, Texts, Kinds, Conditions, Custom, Defaults, Bare]))(
    'asks class-validator nothing when %s fits',
    (_name, Shape) => {
      const value = validOf(Shape);
      jest.mocked(validateSync).mockClear();
      expect(checkShape(Shape, value)).toEqual({ value: expect.any(Shape), causes: [] });
      expect(validateSync).not.toHaveBeenCalled();
    },
  );

  it.each<[string, Type<object>, object]>([
    ['nested', Nested, { plain: {} }],
    ['transformed', Transformed, { number: '1' }],
    ['renamed', Exposed, { flag: 'x' }],
    ['left out', Excluded, { word: 'x', flag: 'x' }],
    ['left out with its class', Closed, {}],
    ['a method', WithMethods, { number: 2 }],
  ])('leaves what is %s to class-transformer and class-validator', (_what, Shape, value) => {
    jest.mocked(validateSync).mockClear();
    expect(checkShape(Shape, value).causes).toEqual([]);
    expect(validateSync).toHaveBeenCalledTimes(1);
  });

  it('leaves it to class-validator to say what is wrong', () => {
    jest.mocked(validateSync).mockClear();
    expect(checkShape(Texts, { length: 'x', both: 'xxx' }).causes).toEqual([
      { status: 422, code: 'is_length', pointer: '/length', detail: expect.stringContaining('longer than') },
    ]);
    expect(validateSync).toHaveBeenCalledTimes(1);
  });

  it.each([Defaults, Bare])('runs the constructor of %p for every instance', (Shape: Type<{ reveal(): string }>) => {
    const valid = validOf(Shape);
    for (const time of [1, 2]) {
      expect([time, checkShape(Shape, valid).value?.reveal()]).toEqual([time, 'x']);
    }
  });

  it('looks for the initial values of a mapped type once', () => {
    let made = 0;
    class Counted {
      @IsOptional() @IsString() word: string;

      constructor() {
        made++;
      }
    }
    const Shape = PartialType(Counted);
    checkShape(Shape, {});
    const before = made;
    expect(checkShape(Shape, { word: 'x' }).causes).toEqual([]);
    expect(made).toBe(before);
  });

  it('asks the container for the validators it keeps, each time', () => {
    const valid = { short: 'xx' };
    expect(checkShape(Custom, valid).causes).toEqual([]);
    useContainer(
      { get: (Class: unknown) => (Class === IsShort ? { validate: () => false } : undefined) as any },
      { fallback: true },
    );
    try {
      expect(checkShape(Custom, valid).causes).toEqual([expect.objectContaining({ code: 'is_short' })]);
    } finally {
      useContainer(undefined as any);
    }
  });

  it('gives each instance values of its own', () => {
    const value = { defined: 1, list: [{ a: 1 }] };
    const { value: made } = checkShape(Kinds, value);
    expect(made!.list).toEqual(value.list);
    expect(made!.list).not.toBe(value.list);
    expect(made!.list[0]).not.toBe(value.list[0]);
  });
});
