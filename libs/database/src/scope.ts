import { AsyncLocalStorage } from 'node:async_hooks';
import type { Unit } from './unit';

/** Where a tenant's data lie. */
export interface Place {
  readonly id: string;
  readonly schema: string;
  /** Who may touch the schema; null with TENANT_ROLES=off. */
  readonly role: string | null;
  /** The database server; there is one for now. */
  readonly cluster: string;
}

/** Whose data the running work is about, and on whose behalf it runs. */
export interface Scope {
  readonly tenant: Place;
  readonly actor: string;
  readonly requestId: string;
}

const running = new AsyncLocalStorage<{ scope: Scope; unit: Unit }>();

/** The scope of the running work, if any. */
export const currentScope = (): Scope | undefined => running.getStore()?.scope;

/** The running unit of work; throws where there is none, instead of falling back to some other schema. */
export function currentUnit(): Unit {
  const unit = running.getStore()?.unit;
  if (!unit) throw new NoTenantInScope();
  return unit;
}

/** Makes `scope` and `unit` the current ones of `work` and of all it calls. */
export const runInScope = <T>(scope: Scope, unit: Unit, work: () => Promise<T>): Promise<T> =>
  running.run({ scope, unit }, work);

/** Someone reached for a tenant's data outside any unit of work. */
export class NoTenantInScope extends Error {
  constructor() {
    super('no tenant in scope: reach for tenant data inside UnitOfWork.run(scope, work)');
    this.name = 'NoTenantInScope';
  }
}
