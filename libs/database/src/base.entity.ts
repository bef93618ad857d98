import { BeforeInsert, CreateDateColumn, PrimaryColumn, UpdateDateColumn, VersionColumn } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';

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
    this.id ??= uuidv7();
  }
}
