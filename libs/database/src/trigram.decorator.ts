import { getMetadataArgsStorage, Index } from 'typeorm';

const nameOf = (entity: string, property: string): string =>
  `tr_${entity}_${property[0].toUpperCase()}${property.slice(1)}`;

/**
 * A text that can be searched by a part of it. Its migration makes the index, which TypeORM cannot describe:
 * `CREATE INDEX "tr_Critic_Name" ON critic USING gin (name extensions.gin_trgm_ops)`.
 */
export const Trigram = (): PropertyDecorator => (target, property) =>
  Index(nameOf(target.constructor.name, String(property)), { synchronize: false })(target, property);

/** Whether `Entity.property` is a @Trigram(). */
export const hasTrigram = (Entity: { name: string }, property: string): boolean =>
  getMetadataArgsStorage().indices.some(
    ({ target, name }) => target === Entity && name === nameOf(Entity.name, property),
  );
