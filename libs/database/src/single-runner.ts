import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner';
import type { Place } from './scope';
import type { Single, TenantPool } from './tenant-pool';

/** A query runner whose every statement is a transaction of its own: TypeORM's logging and errors, our way to the server. */
export class SingleRunner extends PostgresQueryRunner {
  constructor(
    driver: PostgresDriver,
    private readonly tenant: Place,
    private readonly how: Single,
  ) {
    super(driver, 'master');
  }

  override connect(): Promise<unknown> {
    const pool = this.driver.master as TenantPool;
    const query = (text: string, values: unknown[] = []) => pool.single(this.tenant, text, values, this.how);
    return Promise.resolve({ query });
  }
}
