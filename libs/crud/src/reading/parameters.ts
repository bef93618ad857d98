import type { PipeTransform } from '@nestjs/common';
import { applyDecorators } from '@nestjs/common';
import { ApiQuery, type OpenAPIObject } from '@nestjs/swagger';
import { Cause, Problem } from '../problem/problem';
import { Condition } from './list-query';

/** How OpenAPI describes a value. */
export type SchemaObject = Exclude<
  NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string],
  { $ref: string }
>;

/** A query parameter: what the documentation says of it, and how its text is read. */
export interface Parameter {
  name: string;
  description: string;
  schema: SchemaObject;
  /** Where the value goes: under its name unless told; `filter` collects conditions. */
  into?: 'filter';
  /** Whether an array comes as one text, separated by commas; else each of its values comes by itself. */
  isJoined?: boolean;
  /** Its value where it is not given. */
  fallback?: unknown;
  /** The value that `texts` spell, of which there are several only if they are an array's values. Throws `Misspelt`. */
  read(texts: string[]): unknown;
}

/** A parameter says something it cannot mean. */
export class Misspelt extends Error {
  constructor(
    readonly code: string,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** All parameters a route takes, as a pipe for `@Query()`: an unknown or misspelt one is a 400 that points at it. */
export class Parameters implements PipeTransform<Record<string, string | string[]>, object> {
  private readonly known: Map<string, Parameter>;
  private readonly fallbacks: Record<string, unknown>;

  constructor(private readonly parameters: Parameter[]) {
    this.known = new Map(parameters.map((parameter) => [parameter.name, parameter]));
    const falling = parameters.filter(({ fallback }) => fallback !== undefined);
    this.fallbacks = Object.fromEntries(falling.map(({ name, fallback }) => [name, fallback]));
  }

  transform(query: Record<string, string | string[]>): object {
    const values: Record<string, unknown> = { ...this.fallbacks };
    const filter: Condition[] = [];
    const causes: Cause[] = [];
    for (const [name, given] of Object.entries(query)) {
      try {
        const value = this.read(name, [given].flat());
        if (this.known.get(name)!.into === 'filter') filter.push(value as Condition);
        else values[name] = value;
      } catch (error) {
        if (!(error instanceof Misspelt)) throw error;
        causes.push({ status: 400, code: error.code, pointer: `/${name}`, detail: error.message });
      }
    }
    if (causes.length) throw Problem.of(causes);
    return filter.length ? { ...values, filter } : values;
  }

  /** Says in the documentation, one by one, what can be asked. */
  documented(): MethodDecorator {
    return applyDecorators(
      ...this.parameters.map(({ name, description, schema, isJoined = false }) => {
        const isList = schema.type === 'array';
        return ApiQuery({
          name,
          description,
          required: false,
          schema,
          ...(isList && { style: 'form', explode: !isJoined }),
        });
      }),
    );
  }

  private read(name: string, texts: string[]): unknown {
    const parameter = this.known.get(name);
    if (!parameter) throw new Misspelt('unknown_field', `${name} is not a parameter here.`);
    if (texts.length > 1 && (parameter.schema.type !== 'array' || parameter.isJoined))
      throw new Misspelt('repeated', `${name} is given more than once.`);
    return parameter.read(texts);
  }
}
