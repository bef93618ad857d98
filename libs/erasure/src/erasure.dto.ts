import { ApiProperty } from '@nestjs/swagger';
import { IsString, MaxLength, MinLength } from 'class-validator';

/** Why something is to be erased. */
export class EraseDto {
  /** What asks for it; it is kept, so it must not tell what is erased. @example 'Request 4711, article 17 GDPR' */
  @IsString()
  @MinLength(1)
  @MaxLength(1_000)
  reason: string;
}

/** What was erased. */
export class ErasureDto {
  /** Counts up with the erasures. @example '7' */
  id: string;

  /** When it was erased. @example '2026-11-24T09:30:00.000Z' */
  at: Date;

  /** On whose behalf: a login, an API key, the command line, or a login of the database. @example 'login:019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77' */
  actor: string;

  @ApiProperty({
    type: String,
    nullable: true,
    example: '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e78',
    description: 'The request that asked for it; null where the command line did.',
  })
  requestId: string | null;

  /** The table of the record. @example 'critic' */
  table: string;

  /** The id of the record. @example '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e79' */
  @ApiProperty({ format: 'uuid' })
  rowId: string;

  /** Why, in the words of who asked for it. @example 'Request 4711, article 17 GDPR' */
  reason: string;

  @ApiProperty({ type: [String], example: ['username', 'name'], description: 'The columns that were erased.' })
  columns: string[];

  @ApiProperty({
    type: 'integer',
    example: 1,
    description: 'How many records it was erased from: none if it was deleted.',
  })
  records: number;

  @ApiProperty({ type: 'integer', example: 3, description: 'From how many versions of the record.' })
  versions: number;

  @ApiProperty({ type: 'integer', example: 2, description: 'From how many entries of the audit.' })
  auditEntries: number;

  @ApiProperty({ type: 'integer', example: 12, description: 'How many stored answers to requests were deleted.' })
  answers: number;
}
