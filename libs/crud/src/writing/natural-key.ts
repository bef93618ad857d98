import type { Type } from '@nestjs/common';
import { EntityTarget, getMetadataArgsStorage } from 'typeorm';

/** The properties of an entity's @Unique, the topmost if it has several: what names a record besides its id. */
export function naturalKeyOf(target: EntityTarget<unknown>): string[] | undefined {
  const uniques = getMetadataArgsStorage().filterUniques(target as () => unknown);
  const columns = uniques.at(-1)?.columns; // decorators are applied from the bottom up
  return Array.isArray(columns) ? columns : undefined;
}

/** The natural key of an entity that has upsert routes; without one the boot stops here. */
export function requireNaturalKey(Entity: Type<unknown>): string[] {
  const key = naturalKeyOf(Entity);
  if (!key) {
    throw new Error(
      `${Entity.name} cannot be upserted without a natural key: put @Unique('uc_${Entity.name}_…', [...]) on the entity.`,
    );
  }
  return key;
}
