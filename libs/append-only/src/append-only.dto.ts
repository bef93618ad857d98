import type { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';

/** Which version of a record to go back to. */
export class RevertDto {
  @ApiProperty({ type: 'integer', minimum: 1, example: 1, description: 'A version that its history shows.' })
  @IsInt()
  @Min(1)
  @Max(2_147_483_647)
  version: number;
}

/** One version of a record, as it leaves. */
export class VersionDto {
  /** @example 2 */
  @ApiProperty({ type: 'integer' })
  version: number;

  /** From when on the record was like this. @example '2026-11-24T09:30:00.000Z' */
  validFrom: Date;

  /** Whether the record was deleted. @example false */
  deleted: boolean;

  /** On whose behalf: a login, an API key, a job, the command line, or a login of the database. @example 'login:019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77' */
  actor: string;

  @ApiProperty({
    type: String,
    nullable: true,
    example: '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e78',
    description: 'The request that made it, or left the job that did; null for what came past the application.',
  })
  requestId: string | null;

  @ApiProperty({
    type: [String],
    example: ['rating'],
    description: 'The fields that were not so in the version before.',
  })
  changed: string[];
}

/** Some versions of a record, as they leave. */
export interface HistoryOf<R> {
  items: (VersionDto & { record: R })[];
  nextCursor: string | null;
}

/** A page of versions: ReviewDto → ReviewHistoryDto. */
export function historyOf<R>(read: Type<R>): Type<HistoryOf<R>> {
  class RecordVersionDto extends VersionDto {
    @ApiProperty({ type: read, description: 'The record as it was; where it was deleted, as it was before.' })
    record: R;
  }
  named(read, 'VersionDto', RecordVersionDto);

  class HistoryDto {
    @ApiProperty({ type: [RecordVersionDto] })
    items: RecordVersionDto[];

    @ApiProperty({ type: String, nullable: true, description: 'Ask for the next page with it; null on the last.' })
    nextCursor: string | null;
  }
  named(read, 'HistoryDto', HistoryDto);
  return HistoryDto;
}

function named(read: Type<unknown>, ending: string, shape: Type<unknown>): void {
  Object.defineProperty(shape, 'name', { value: read.name.replace(/Dto$/, ending) });
}
