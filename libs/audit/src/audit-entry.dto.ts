import { ApiProperty } from '@nestjs/swagger';
import { OPERATIONS } from './audit-entry.entity';

/** One row that changed. */
export class AuditEntryDto {
  /** Counts up with the changes. @example '4711' */
  id: string;

  /** When it changed. @example '2026-11-24T09:30:00.000Z' */
  at: Date;

  /** On whose behalf: a login, an API key, a job, the command line, or a login of the database. @example 'login:019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77' */
  actor: string;

  @ApiProperty({
    type: String,
    nullable: true,
    example: '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e78',
    description: 'The request that changed it, or left the job that did; null for what came past the application.',
  })
  requestId: string | null;

  /** What was done to it. @example 'update' */
  @ApiProperty({ enum: OPERATIONS, enumName: 'AuditOperation' })
  operation: (typeof OPERATIONS)[number];

  /** The table it is in. @example 'book' */
  table: string;

  @ApiProperty({
    type: String,
    format: 'uuid',
    nullable: true,
    example: '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e79',
    description: 'The id of the record; null where all of a table went at once.',
  })
  rowId: string | null;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    example: { name: { before: 'A Brief History of Time', after: 'A Brief Horror Story of Time' } },
    description:
      'By column: the value of a record that came or went; of one that changed, the values `before` and `after`.',
  })
  diff: Record<string, unknown>;
}
