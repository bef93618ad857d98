import type { Type } from '@nestjs/common';

/** Properties of an entity that the log treats in a way of their own. */
export interface Audited<E> {
  /** Their changes are told, and not their values. */
  secret?: (keyof E & string)[];
  /** Nothing is told of them: what the system keeps by itself. */
  silent?: (keyof E & string)[];
}

/** Where an entity keeps what `@Audited()` says of it. */
export const AUDITED = Symbol('audited');

/**
 * Says that every change of a model is written into the log. A migration has Postgres do it, by `auditTable`; where none
 * has, nothing starts.
 */
export const Audited =
  <E>(how: Audited<E> = {}) =>
  (Entity: Type<E>): void =>
    Reflect.defineMetadata(AUDITED, how, Entity);

/** What `@Audited()` says of an entity; undefined where it says nothing. */
export const auditedOf = (Entity: object): Audited<any> | undefined => Reflect.getOwnMetadata(AUDITED, Entity);
