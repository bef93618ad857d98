import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a change can be. */
export const OPERATIONS = ['insert', 'update', 'delete', 'truncate'] as const;

/** What the log says of one row that changed. Its table has more to it than TypeORM can describe: the migration makes it. */
@Entity({ name: 'audit_log', synchronize: false })
export class AuditEntry {
  /** Counts up: the later change has the larger one, except in transactions that ran side by side. */
  @PrimaryColumn('bigint')
  id: string;

  @Column({ type: 'timestamptz', precision: 3 })
  at: Date;

  @Column('text')
  actor: string;

  @Column('text', { nullable: true })
  requestId: string | null;

  @Column('text')
  operation: (typeof OPERATIONS)[number];

  @Column('text')
  table: string;

  @Column('uuid', { nullable: true })
  rowId: string | null;

  @Column('jsonb')
  diff: Record<string, unknown>;
}
