import { EntityMetadata } from 'typeorm';
import { isDataError, postgresError, PostgresError, uniqueKeysOf } from '@app/database';
import { Cause } from './problem';

export const taken = (properties: string[], base = ''): Cause => ({
  status: 409,
  code: 'unique',
  pointer: `${base}/${properties[0]}`,
  detail: `Another record has this ${properties.join(' and ')}.`,
});

export const dangling = (properties: string[], base = ''): Cause => ({
  status: 422,
  code: 'foreign_key',
  pointer: `${base}/${properties[0]}`,
  detail: `${properties.join(' and ')} names no existing record.`,
});

export const stillReferenced = (): Cause => ({
  status: 409,
  code: 'still_referenced',
  pointer: '',
  detail: 'Other records still refer to this one.',
});

export const required = (property: string, base = ''): Cause => ({
  status: 422,
  code: 'required',
  pointer: `${base}/${property}`,
  detail: `${property} is required.`,
});

export const overtaken = (): Cause => ({
  status: 409,
  code: 'overtaken',
  pointer: '',
  detail: 'Another version of this record came in between: read it again.',
});

export const invalidValue = (property: string): Cause => ({
  status: 422,
  code: 'invalid',
  pointer: `/${property}`,
  detail: `${property} is out of range or not allowed.`,
});

/**
 * What a data error (22…, 23…) of Postgres means to the client, in the words of `entities`, or that a version was refused
 * (40001 that names a table); undefined for other errors. Names fields, never constraints, SQL or values.
 */
export function causeOf(error: unknown, entities: EntityMetadata[], verb: 'write' | 'delete'): Cause | undefined {
  const found = postgresError(error);
  if (!found) return undefined;
  if (found.code === '40001' && found.table) return overtaken();
  if (!isDataError(error)) return undefined;
  switch (found.code) {
    case '23505':
      if (found.table && !entityOf(found, entities)) return overtaken(); // in a table of versions
      return taken(propertiesOfUnique(found, entities) ?? ['key']);
    case '23001': // restrict_violation, which Postgres 18 says where others say 23503
    case '23503':
      return verb === 'delete' ? stillReferenced() : dangling(propertiesOfForeignKey(found, entities) ?? ['reference']);
    case '23502':
      return required(propertyOfColumn(found, entities) ?? found.column ?? 'value');
    default:
      return {
        status: 422,
        code: 'invalid',
        pointer: '',
        detail: 'The database refuses these values: one is out of range or not allowed.',
      };
  }
}

const entityOf = ({ table }: PostgresError, entities: EntityMetadata[]) =>
  entities.find(({ tableName }) => tableName === table);

const propertiesOfUnique = (error: PostgresError, entities: EntityMetadata[]) =>
  [entityOf(error, entities) ?? []]
    .flat()
    .flatMap(uniqueKeysOf)
    .find(({ name }) => name === error.constraint)?.properties;

const propertiesOfForeignKey = (error: PostgresError, entities: EntityMetadata[]) =>
  entityOf(error, entities)
    ?.foreignKeys.find(({ name }) => name === error.constraint)
    ?.columns.map(({ propertyName }) => propertyName);

const propertyOfColumn = (error: PostgresError, entities: EntityMetadata[]) =>
  entityOf(error, entities)?.columns.find(({ databaseName }) => databaseName === error.column)?.propertyName;
