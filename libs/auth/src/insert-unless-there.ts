import type { DeepPartial, EntityManager, EntityTarget, QueryDeepPartialEntity } from 'typeorm';
import { BaseEntity, newId } from '@app/database';

/** Inserts a row, unless there is one with its key: of two that come at the same moment the second waits, and leaves the first's. */
export async function insertUnlessThere<E extends BaseEntity>(
  manager: EntityManager,
  Entity: EntityTarget<E>,
  values: DeepPartial<E>,
): Promise<void> {
  const row = { id: newId(), ...values } as QueryDeepPartialEntity<E>;
  await manager.createQueryBuilder().insert().into(Entity).values(row).orIgnore().execute();
}
