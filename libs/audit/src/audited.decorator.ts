import type { Type } from '@nestjs/common';
import type { AuditOptions } from './audit-table';

/** Where an entity keeps what `@Audited()` says of it. */
export const AUDITED = Symbol('audited');

/**
 * Says that every change of a model is written into the log, and by their properties which columns it treats otherwise. A
 * migration has Postgres do it, by `auditTable`; where none has, nothing starts.
 */
export const Audited =
  <E>(options: AuditOptions<keyof E & string> = {}) =>
  (Entity: Type<E>): void =>
    Reflect.defineMetadata(AUDITED, options, Entity);

/** What `@Audited()` says of an entity; undefined where it says nothing. */
export const auditedOf = (Entity: object): AuditOptions | undefined => Reflect.getOwnMetadata(AUDITED, Entity);
