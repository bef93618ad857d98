import {
  BeforeInsert,
  CreateDateColumn,
  DeleteDateColumn,
  Index,
  PrimaryColumn,
  UpdateDateColumn,
  VersionColumn,
} from 'typeorm';
import { newId } from './new-id';

/** What every record has: an id made by the application, two times, and a version that moves with every change. */
export abstract class BaseEntity {
  @PrimaryColumn('uuid')
  id: string;

  // Milliseconds, so that a time read back finds its own row: Date knows no microseconds.
  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz', precision: 3 })
  updatedAt: Date;

  @VersionColumn()
  version: number;

  /** For `repository.save(repository.create(…))`; the bulk writer makes its ids itself. */
  @BeforeInsert()
  protected makeId(): void {
    this.id ??= newId();
  }
}

/** A record that can be deleted and restored. Deleted, it is hidden and its keys are free, but what refers to it still does. */
export abstract class SoftDeleteEntity extends BaseEntity {
  @DeleteDateColumn({ type: 'timestamptz', precision: 3 })
  deletedAt: Date | null;
}

/** A key that no two records share which are not deleted: what @Unique is to other entities. The second index finds the deleted. */
export const UniqueWhileLive =
  (name: string, properties: string[]): ClassDecorator =>
  (target) => {
    Index(`${name}_Deleted`, properties, { where: 'deleted_at IS NOT NULL' })(target);
    Index(name, properties, { unique: true, where: 'deleted_at IS NULL' })(target);
  };
