import { ArgumentMetadata, Injectable, PipeTransform, Type } from '@nestjs/common';
import { Problem } from '../problem/problem';
import { checkShape } from './check-shape';

const PRIMITIVES: unknown[] = [String, Number, Boolean, Array, Object, Date];

/** Checks every body (422) and every set of query parameters (400) against the class its handler names. */
@Injectable()
export class InputPipe implements PipeTransform {
  transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if (!metatype || PRIMITIVES.includes(metatype) || (type !== 'body' && type !== 'query')) return value;
    const checked = checkShape(metatype as Type<object>, type === 'query' ? { ...(value as object) } : value);
    if (!checked.causes.length) return checked.value;
    throw Problem.of(type === 'query' ? checked.causes.map((cause) => ({ ...cause, status: 400 })) : checked.causes);
  }
}
