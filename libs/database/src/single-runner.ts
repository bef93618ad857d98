import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner';
import type { Scope } from './scope';
import type { Single, TenantPool } from './tenant-pool';

/** A query runner whose every statement is a transaction of its own: TypeORM's logging and errors, our way to the server. */
export class SingleRunner extends PostgresQueryRunner {
  constructor(
    driver: PostgresDriver,
    private readonly scope: Scope,
    private readonly how: Single,
  ) {
    super(driver, 'master');
  }

  override connect(): Promise<unknown> {
    const pool = this.driver.master as TenantPool;
    const query = (text: string, values: unknown[] = []) => pool.single(this.scope, text, values, this.how);
    return Promise.resolve({ query });
  }
}
