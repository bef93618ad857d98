import type { Type } from '@nestjs/common';
import { ColumnType, getMetadataArgsStorage } from 'typeorm';
import { hasTrigram } from '@app/database';
import { fieldsOf } from '../shapes';
import { isSoftDelete } from '../writing/natural-key';

/** What a condition of a filter compares by. */
export type Operator = 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte' | 'in' | 'nin' | 'between' | 'like' | 'ilike' | 'null';

/** What a field holds, as far as reading, comparing and describing it differ. */
export type Kind = 'text' | 'integer' | 'number' | 'decimal' | 'boolean' | 'time' | 'date' | 'uuid' | 'enum';

/** A field that lists can be filtered by, and how. */
export interface ListField {
  name: string;
  kind: Kind;
  operators: Operator[];
  /** For integers: what the column can hold. */
  range?: [least: bigint, most: bigint];
  /** For enums. */
  values?: string[];
}

/** Which fields of a model lists may be sorted and filtered by, where not by all scalar ones of its read shape. */
export interface Lists<R> {
  sort?: (keyof R & string)[];
  filter?: (keyof R & string)[];
}

/** What clients may ask of a model's lists: derived from its entity and its read shape, and from nothing that shape hides. */
export interface ListFields {
  sort: string[];
  filter: ListField[];
  /** Every field of an answer, for `fields`. */
  all: string[];
  /** The relations whose records an answer can include. */
  include: string[];
  /** Whether lists may show what is deleted. */
  isSoftDelete: boolean;
  /** Whether records may be read as they were. */
  keepsVersions: boolean;
}

/** Throws, at boot, for a field in `lists` that is no scalar column of the read shape. */
export function listFieldsOf<R>(
  Entity: Type<unknown>,
  read: Type<R>,
  lists: Lists<R> = {},
  keepsVersions = false,
): ListFields {
  const shown = fieldsOf(read);
  const relations = relationsOf(Entity);
  const scalar = columnsOf(Entity).filter(({ name }) => shown.includes(name));
  const chosen = (names: string[] | undefined): ListField[] =>
    names?.map((name) => scalar.find((field) => field.name === name) ?? refuse(Entity, read, name)) ?? scalar;
  return {
    sort: chosen(lists.sort).map(({ name }) => name),
    filter: chosen(lists.filter),
    all: shown.filter((name) => !relations.includes(name)),
    include: relations.filter((name) => shown.includes(name)),
    isSoftDelete: isSoftDelete(Entity),
    keepsVersions,
  };
}

function refuse(Entity: Type<unknown>, read: Type<unknown>, name: string): never {
  throw new Error(
    `Lists of ${Entity.name} cannot go by ${name}: name a column of ${Entity.name} that holds one value and that ${read.name} shows.`,
  );
}

const ordered: Operator[] = ['eq', 'ne', 'in', 'nin', 'gt', 'gte', 'lt', 'lte', 'between'];
const unordered: Operator[] = ['eq', 'ne', 'in', 'nin'];

function columnsOf(Entity: Type<unknown>): ListField[] {
  return getMetadataArgsStorage()
    .filterColumns(inheritance(Entity))
    .flatMap(({ propertyName: name, options, mode }): ListField[] => {
      const kind = options.array ? undefined : kindOf(mode === 'version' ? 'int' : options.type);
      if (!kind) return [];
      const operators = ['uuid', 'boolean', 'enum'].includes(kind) ? [...unordered] : [...ordered];
      if (hasTrigram(Entity, name)) operators.push('like', 'ilike');
      if (options.nullable || mode === 'deleteDate') operators.push('null');
      const values = kind === 'enum' ? valuesOf(options.enum as Record<string, unknown>) : undefined;
      return [{ name, kind, operators, range: RANGES[String(options.type)] ?? RANGES.int, values }];
    });
}

/** A numeric enum of TypeScript maps its values back to their names, which are no values. */
const valuesOf = (enumeration: Record<string, unknown> = {}): string[] =>
  Object.values(enumeration)
    .map(String)
    .filter((value) => typeof enumeration[value] !== 'number');

const relationsOf = (Entity: Type<unknown>): string[] =>
  getMetadataArgsStorage()
    .filterRelations(inheritance(Entity))
    .filter(({ relationType }) => relationType === 'many-to-one')
    .map(({ propertyName }) => propertyName);

/** The class of an entity and those it extends, whose columns it has too. */
export function inheritance(Entity: Type<unknown>): Type<unknown>[] {
  const classes: Type<unknown>[] = [];
  for (let Class = Entity; Class?.prototype; Class = Object.getPrototypeOf(Class) as Type<unknown>) classes.push(Class);
  return classes;
}

const RANGES: Record<string, [bigint, bigint]> = {
  smallint: [-(2n ** 15n), 2n ** 15n - 1n],
  int2: [-(2n ** 15n), 2n ** 15n - 1n],
  bigint: [-(2n ** 63n), 2n ** 63n - 1n],
  int8: [-(2n ** 63n), 2n ** 63n - 1n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
};

const KINDS: Record<Kind, string[]> = {
  text: ['text', 'varchar', 'character varying', 'char', 'character', 'citext'],
  integer: ['int', 'int2', 'int4', 'int8', 'integer', 'smallint', 'bigint'],
  number: ['float', 'float4', 'float8', 'real', 'double precision'],
  decimal: ['numeric', 'decimal'],
  boolean: ['boolean', 'bool'],
  time: ['timestamptz', 'timestamp with time zone'],
  date: ['date'],
  uuid: ['uuid'],
  enum: ['enum', 'simple-enum'],
};

/** Undefined for what holds more than one value, or none that clients could spell. */
export function kindOf(type: ColumnType | undefined): Kind | undefined {
  const name = type === String ? 'text' : type === Number ? 'int' : type === Boolean ? 'boolean' : String(type);
  return (Object.keys(KINDS) as Kind[]).find((kind) => KINDS[kind].includes(name));
}
