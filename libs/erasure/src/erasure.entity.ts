import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What was erased: of which record, who asked for it, and why. The migration makes its table. */
@Entity({ synchronize: false })
export class Erasure {
  @PrimaryColumn('bigint')
  id: string;

  @Column({ type: 'timestamptz', precision: 3 })
  at: Date;

  @Column('text')
  actor: string;

  @Column('text', { nullable: true })
  requestId: string | null;

  @Column('text')
  table: string;

  @Column('uuid')
  rowId: string;

  @Column('text')
  reason: string;

  @Column('text', { array: true })
  columns: string[];

  @Column('int')
  records: number;

  @Column('int')
  versions: number;

  @Column('int')
  auditEntries: number;

  @Column('int')
  answers: number;
}
