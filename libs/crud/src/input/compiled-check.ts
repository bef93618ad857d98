import type { Type } from '@nestjs/common';
import { getMetadataStorage, IS_OPTIONAL, ValidationTypes } from 'class-validator';
import { compileInstance } from './compiled-instance';
import { type Demand, type Rule, rulesOf } from './compiled-rules';

type Check = (value: object) => object | undefined;

const compiled = new WeakMap<Type<object>, Check>();

/**
 * `value` as an instance of `Shape`, if it certainly is one; undefined when class-transformer and class-validator must be
 * asked, who also say what is wrong. A shape is compiled when it is first met: its decorators must all be there by then.
 */
export function checkCompiled<T extends object>(Shape: Type<T>, value: object): T | undefined {
  if (Object.getPrototypeOf(value) !== Object.prototype) return undefined; // a stream, a Map: no parser of JSON made it
  let check = compiled.get(Shape);
  if (!check) compiled.set(Shape, (check = compile(Shape)));
  return check(value) as T | undefined;
}

function compile(Shape: Type<object>): Check {
  const storage = getMetadataStorage();
  const demands = storage.getTargetValidationMetadatas(Shape, '', false, false);
  const grouped = storage.groupByPropertyName(demands);
  const fields = Object.keys(grouped).map((name) => fieldOf(Shape, name, grouped[name]));
  const instanceOf = compileInstance(Shape, Object.keys(grouped));
  return (value) => {
    const instance = instanceOf(value);
    if (!instance) return undefined;
    for (const field of fields) if (!isValid(field, instance)) return undefined;
    return instance;
  };
}

interface Field {
  name: string;
  isOptional: boolean;
  /** Its rules apply when all of these hold. */
  conditions: ((object: object, value: unknown) => unknown)[];
  rules: Rule[];
  /** There is more to it than rules. */
  isNested: boolean;
}

function fieldOf(Shape: Type<object>, name: string, demands: Demand[]): Field {
  const { CONDITIONAL_VALIDATION, CUSTOM_VALIDATION, IS_DEFINED, NESTED_VALIDATION, PROMISE_VALIDATION } =
    ValidationTypes;
  const of = (...types: string[]) => demands.filter(({ type }) => types.includes(type));
  const conditional = of(CONDITIONAL_VALIDATION);
  return {
    name,
    isOptional: conditional.some(({ name }) => name === IS_OPTIONAL), // mapped types repeat it up to four times
    conditions: conditional.filter(({ name }) => name !== IS_OPTIONAL).map(({ constraints }) => constraints[0]),
    rules: of(IS_DEFINED, CUSTOM_VALIDATION).flatMap((demand) => rulesOf(demand, Shape.name)),
    isNested: of(NESTED_VALIDATION, PROMISE_VALIDATION).length > 0,
  };
}

function isValid({ name, isOptional, conditions, rules, isNested }: Field, instance: object): boolean {
  const value: unknown = (instance as Record<string, unknown>)[name];
  let applies: unknown = !isOptional || (value !== null && value !== undefined);
  for (const condition of conditions) applies = condition(instance, value) && applies; // validateSync asks them all
  if (!applies) return true;
  if (isNested && value !== undefined) return false;
  for (const rule of rules) if (!rule(instance, value, value)) return false;
  return true;
}
