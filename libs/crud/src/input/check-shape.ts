import type { Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync, ValidationError } from 'class-validator';
import { Cause } from '../problem/problem';
import { checkCompiled } from './compiled-check';
import { hostility } from './hostility';

/** `value` as an instance of `Shape`, or what keeps it from being one. */
export function checkShape<T extends object>(Shape: Type<T>, value: unknown): Checked<T> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { causes: [{ status: 422, code: 'type', pointer: '', detail: 'An object is expected here.' }] };
  }
  const instance = checkCompiled(Shape, value);
  return instance ? { value: instance, causes: [] } : checkInterpreted(Shape, value);
}

interface Checked<T> {
  value?: T;
  causes: Cause[];
}

/** The same, slowly: by class-transformer and class-validator, which read the decorators anew for every value. */
export function checkInterpreted<T extends object>(Shape: Type<T>, value: object): Checked<T> {
  const hostile = hostility(value);
  if (hostile) return { causes: [{ status: 422, ...hostile }] };

  const instance = plainToInstance(Shape, value);
  const errors = validateSync(instance, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: false });
  const causes = errors.flatMap((error) => [...causesOf(error, '')]);
  return causes.length ? { causes } : { value: instance, causes };
}

function* causesOf(error: ValidationError, base: string): Iterable<Cause> {
  const pointer = `${base}/${error.property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const constraints = Object.entries(error.constraints ?? {});
  if (constraints.some(([name]) => name === 'whitelistValidation')) {
    yield { status: 422, pointer, code: 'unknown_field', detail: `${error.property} is not a field here.` };
  } else if (constraints.length && error.value === undefined) {
    yield { status: 422, pointer, code: 'required', detail: `${error.property} is required.` };
  } else {
    for (const [name, detail] of constraints) yield { status: 422, pointer, code: snake(name), detail: `${detail}.` };
  }
  for (const child of error.children ?? []) yield* causesOf(child, pointer);
}

const snake = (name: string): string => name.replace(/[A-Z]/g, '_$&').toLowerCase();
