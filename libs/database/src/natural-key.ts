import { EntityMetadata, EntityTarget, getMetadataArgsStorage } from 'typeorm';

/** A set of fields that no two records share. */
export interface UniqueKey {
  /** What the database calls it. */
  name: string | undefined;
  properties: string[];
}

export const uniqueKeysOf = ({ uniques, indices }: EntityMetadata): UniqueKey[] =>
  [...uniques, ...indices.filter(({ isUnique }) => isUnique)].map(({ name, columns }) => ({
    name,
    properties: columns.map(({ propertyName }) => propertyName),
  }));

/** The fields of an entity's topmost unique key: what names a record besides its id. */
export function naturalKeyOf(target: EntityTarget<unknown>): string[] | undefined {
  const { indices } = getMetadataArgsStorage();
  const whileLive = indices.filter((index) => index.unique && index.target === target);
  // Decorators are applied from the bottom up.
  const columns = (whileLive.at(-1) ?? uniqueConstraintsOf(target).at(-1))?.columns;
  return Array.isArray(columns) ? columns : undefined;
}

export const uniqueConstraintsOf = (target: EntityTarget<unknown>) =>
  getMetadataArgsStorage().filterUniques(target as () => unknown);
