import type { Type } from '@nestjs/common';
import { IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import { TransformationType } from 'class-transformer';
import { isStorable } from './hostility';

const { defaultMetadataStorage: transformations } =
  require('class-transformer/cjs/storage') as typeof import('class-transformer/types/storage'); // the index hides it

type Values = Record<string, unknown>;

/** Makes of a plain object the instance of `Shape` that plainToInstance would; undefined when that is not certain. */
export function compileInstance<T extends object>(Shape: Type<T>, fields: string[]): (value: object) => T | undefined {
  const blank = new Shape() as Values;
  const isPlain = blank.constructor === Shape && Object.keys(blank).every((key) => fields.includes(key));
  if (!isPlain || choosesFields(Shape)) return () => undefined;

  const make = makerOf(Shape);
  const copied = new Set(fields.filter((field) => isCopied(Shape, field) && typeof blank[field] !== 'function'));
  return (value) => {
    const instance = make() as Values;
    for (const key in value) {
      const copy = copied.has(key) ? copyOf((value as Values)[key], LEVELS) : undefined;
      if (copy === undefined) return undefined;
      instance[key] = copy;
    }
    return instance as T;
  };
}

const choosesFields = (Shape: Type<object>): boolean =>
  transformations.getStrategy(Shape) !== 'none' ||
  transformations.getExposedMetadatas(Shape).length + transformations.getExcludedMetadatas(Shape).length > 0;

const isCopied = (Shape: Type<object>, field: string): boolean =>
  !(field in Shape.prototype) && // class-transformer passes over methods and getters
  !transformations.findTypeMetadata(Shape, field) &&
  !transformations.findTransformMetadatas(Shape, field, TransformationType.PLAIN_TO_CLASS).length;

const LEVELS = 8; // of lists and objects in a field; whatever nests deeper is rare, and hostility() counts better

/** A copy of what a parser of JSON made; undefined when there is anything in it that cannot be stored or is not JSON. */
function copyOf(value: unknown, levels: number): unknown {
  if (typeof value === 'string') return isStorable(value) ? value : undefined;
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (typeof value !== 'object' || levels === 0) return undefined;
  return Array.isArray(value) ? copyOfList(value, levels - 1) : copyOfObject(value, levels - 1);
}

function copyOfList(list: unknown[], levels: number): unknown[] | undefined {
  const copies: unknown[] = [];
  for (const item of list) {
    const copy = copyOf(item, levels);
    if (copy === undefined) return undefined;
    copies.push(copy);
  }
  return copies;
}

function copyOfObject(object: object, levels: number): Values | undefined {
  if (Object.getPrototypeOf(object) !== Object.prototype) return undefined;
  const copies: Values = {};
  for (const key in object) {
    const copy = key in Object.prototype ? undefined : copyOf((object as Values)[key], levels);
    if (copy === undefined) return undefined;
    copies[key] = copy;
  }
  return copies;
}

/**
 * Makes blank instances, as `new Shape` does. One of Nest's mapped types looks for initial values in a new instance of
 * each class it is mapped from, which takes longer than all else here: where it found none, it is not asked again. Initial
 * values that are undefined at first and something else later are lost on mapped types.
 */
function makerOf<T extends object>(Shape: Type<T>): () => T {
  if (Reflect.ownKeys(new Shape()).length || !ancestryOf(Shape).every(addsNothing)) return () => new Shape();
  const Blank = function () {} as unknown as Type<T>;
  Blank.prototype = Shape.prototype;
  return () => new Blank();
}

const ancestryOf = (Class: Type<object>): Type<object>[] =>
  Class === Function.prototype ? [] : [Class, ...ancestryOf(Object.getPrototypeOf(Class) as Type<object>)];

const MAPPED = new Set(
  [PartialType(class {}), IntersectionType(class {}), PickType(class {}, []), OmitType(class {}, [])].map(String),
);

/** Whether `Class`, whose instances show no fields, has no constructor and no #private fields either; its source tells. */
const addsNothing = (Class: Type<object>): boolean => {
  const source = String(Class);
  return MAPPED.has(source) || (source.startsWith('class') && !/#|\bconstructor\b/.test(source));
};
