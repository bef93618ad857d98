import type { Type } from '@nestjs/common';
import { naturalKeyOf, SoftDeleteEntity, uniqueConstraintsOf } from '@app/database';

/** Whether deleting a record of `Entity` only hides it. */
export const isSoftDelete = (Entity: Type<unknown>): boolean => Entity.prototype instanceof SoftDeleteEntity;

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
