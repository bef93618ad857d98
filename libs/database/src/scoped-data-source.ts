import { EntityTarget, ObjectLiteral, QueryRunner, Repository } from 'typeorm';
import { InstalledDataSource } from './installed-data-source';
import { currentUnit } from './scope';

/** A data source whose tenant repositories follow the running unit of work, and throw where none runs. */
export class ScopedDataSource extends InstalledDataSource {
  private readonly scoped = new Map<EntityTarget<ObjectLiteral>, Repository<ObjectLiteral>>();

  override getRepository<E extends ObjectLiteral>(target: EntityTarget<E>): Repository<E> {
    const repository = super.getRepository(target);
    if (!this.scoped.has(target)) this.scoped.set(target, this.follow(repository) as Repository<any>);
    return this.scoped.get(target) as unknown as Repository<E>;
  }

  /** A unit's runner knows what has become of its connection; TypeORM would only say that it was given back. */
  override query<T>(text: string, parameters?: unknown[] | ObjectLiteral, runner?: QueryRunner): Promise<T> {
    return runner ? (runner.query(text, parameters as unknown[]) as Promise<T>) : super.query<T>(text, parameters);
  }

  /** Platform entities name their schema and need no tenant; all others belong to one. */
  private follow<E extends ObjectLiteral>(repository: Repository<E>): Repository<E> {
    const isPlatform = () => this.getMetadata(repository.target).schema !== undefined;
    return new Proxy(repository, {
      get: (own, key, self) => {
        if (key === 'metadata') return this.getMetadata(own.target);
        if (key === 'manager') return isPlatform() ? own.manager : currentUnit().manager;
        return Reflect.get(own, key, self);
      },
    });
  }
}
