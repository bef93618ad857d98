import { EntityMetadata, getMetadataArgsStorage } from 'typeorm';

/** The comment on columns that tell of a person. */
export const WORD = 'personal';

/**
 * Says that a column tells of a person, who may ask that it be forgotten. It is a comment on the column, which is where
 * Postgres looks; a migration writes it, by `personalColumns`. Put it above @Column().
 */
export const Personal = (): PropertyDecorator => (target, property) => {
  const column = getMetadataArgsStorage().columns.find(
    ({ target: Entity, propertyName }) => Entity === target.constructor && propertyName === property,
  );
  if (!column)
    throw new Error(`Put @Personal() above the @Column() of ${target.constructor.name}.${String(property)}.`);
  column.options.comment = WORD;
};

/** The columns of an entity that tell of a person, by their names in the database. */
export const personalOf = ({ columns }: EntityMetadata): string[] =>
  columns.filter(({ comment }) => comment === WORD).map(({ databaseName }) => databaseName);

/** Whether a column is one of those, in SQL on its description. */
export const IS_PERSONAL = `= '${WORD}'`;
