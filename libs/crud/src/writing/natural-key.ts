import type { Type } from '@nestjs/common';
import { EntityMetadata, EntityTarget, getMetadataArgsStorage } from 'typeorm';
import { SoftDeleteEntity } from '@app/database';

/** A set of fields that no two records share. */
export interface UniqueKey {
  /** What the database calls it. */
  name: string | undefined;
  properties: string[];
}

/** Whether deleting a record of `Entity` only hides it. */
export const isSoftDelete = (Entity: Type<unknown>): boolean => Entity.prototype instanceof SoftDeleteEntity;

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

/** The natural key of an entity that has upsert routes; without one the boot stops here. */
export function requireNaturalKey(Entity: Type<unknown>): string[] {
  const decorator = isSoftDelete(Entity) ? 'UniqueWhileLive' : 'Unique';
  if (isSoftDelete(Entity) && uniqueConstraintsOf(Entity).length) {
    throw new Error(
      `A deleted ${Entity.name} would keep its key taken: put @UniqueWhileLive('uc_${Entity.name}_…', [...]) instead of @Unique on the entity.`,
    );
  }
  const key = naturalKeyOf(Entity);
  if (!key) {
    throw new Error(
      `${Entity.name} cannot be upserted without a natural key: put @${decorator}('uc_${Entity.name}_…', [...]) on the entity.`,
    );
  }
  return key;
}

const uniqueConstraintsOf = (target: EntityTarget<unknown>) =>
  getMetadataArgsStorage().filterUniques(target as () => unknown);
