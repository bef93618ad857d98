import { AsyncLocalStorage } from 'node:async_hooks';
import type { Unit } from './unit';

/** Whose data the running work is about, and on whose behalf it runs. */
export interface Scope {
  /** The tenant's schema, and the role that may touch it; `role` is null with TENANT_ROLES=off. */
  readonly tenant: { readonly id: string; readonly schema: string; readonly role: string | null };
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
