import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { currentScope, runInScope, Scope } from './scope';
import { Unit } from './unit';

/** The one door to a tenant's data, for requests, jobs, commands and scripts alike. */
@Injectable()
export class UnitOfWork {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Runs `work` in one transaction of `scope`'s tenant; joins a running unit of that tenant, in the name of whoever that
   * works for, and refuses to nest in another's.
   */
  async run<T>(scope: Scope, work: () => Promise<T>): Promise<T> {
    const outer = currentScope();
    if (outer?.tenant.id === scope.tenant.id) return work();
    if (outer) throw new Error(`A unit of work of tenant ${outer.tenant.id} cannot hold one of ${scope.tenant.id}.`);

    const unit = new Unit(this.dataSource, scope);
    return runInScope(scope, unit, async () => {
      try {
        const result = await work();
        await unit.end();
        return result;
      } catch (error) {
        await unit.fail(error as Error);
        throw error;
      }
    });
  }
}
