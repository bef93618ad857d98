import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager, EntityTarget } from 'typeorm';
import { Problem } from '@app/crud';
import { currentUnit, postgresError } from '@app/database';
import type { Erasure } from './erasure.entity';

/** Erases what a record tells of a person, wherever the tenant still has it. */
@Injectable()
export class Eraser {
  constructor(private readonly dataSource: DataSource) {}

  /** Throws 404 where there is no such record, nor ever was one that anything is known of. */
  async erase(Entity: EntityTarget<object>, id: string, reason: string): Promise<Erasure> {
    const { name, tableName } = this.dataSource.getMetadata(Entity);
    const done = await eraseRecord(currentUnit().manager, tableName, id, reason);
    if (!done) throw new Problem(404, 'not_found', `${name} does not exist, and nothing of it is known.`);
    return done;
  }
}

/** The same in any transaction on a tenant's schema; undefined where there is nothing, and then it can only be rolled back. */
export async function eraseRecord(
  manager: EntityManager,
  table: string,
  id: string,
  reason: string,
): Promise<Erasure | undefined> {
  try {
    const [done] = await manager.query<Erasure[]>(
      `SELECT id, at, actor, request_id AS "requestId", "table", row_id AS "rowId", reason, columns, records, versions,
              audit_entries AS "auditEntries", answers
         FROM erase_record($1, $2, $3)`,
      [table, id, reason],
    );
    return done;
  } catch (error) {
    if (postgresError(error)?.code === 'P0002') return undefined; // no_data_found
    throw error;
  }
}
