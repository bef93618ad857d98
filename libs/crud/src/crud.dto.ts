import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsArray, IsBoolean, IsIn, IsOptional } from 'class-validator';

/** What every record shows of itself, whatever its model. */
export class RecordDto {
  /** UUID v7, made by the server. @example '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77' */
  @ApiProperty({ format: 'uuid' })
  id: string;

  /** @example '2026-11-22T12:00:00.000Z' */
  createdAt: Date;

  /** When it last changed. @example '2026-11-22T12:00:00.000Z' */
  updatedAt: Date;

  /** Moves by one with every change. @example 1 */
  @ApiProperty({ type: 'integer' })
  version: number;
}

/** `true` or `false` as a query parameter spells it. */
const Flag = () => Transform(({ value }) => (value === 'true' ? true : value === 'false' ? false : value));

/** What a record shows besides when its model has soft delete. */
export class SoftDeleteDto {
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    example: '2026-11-22T12:00:00.000Z',
    description: 'When it was deleted; null while it is not.',
  })
  deletedAt: Date | null;
}

/** How many records a request was about. */
export class CountDto {
  @ApiProperty({ type: 'integer', example: 2 })
  count: number;
}

/** Why a line of a file was not imported. */
export class ImportErrorDto {
  /** Counted from 1; the header of a CSV file is line 1. */
  @ApiProperty({ type: 'integer' })
  line: number;

  /** JSON pointer to what is wrong. @example '/releaseYear' */
  pointer: string;

  /** A word for programs. @example 'is_int' */
  code: string;

  /** A sentence for people. @example 'releaseYear must be an integer number.' */
  detail: string;
}

/** What an import did, counted in lines. */
export class ImportReportDto {
  @ApiProperty({ type: 'integer' })
  created: number;

  @ApiProperty({ type: 'integer' })
  updated: number;

  /** Records that were as their lines say already. */
  @ApiProperty({ type: 'integer' })
  unchanged: number;

  /** Lines left out, with onError=skip. */
  @ApiProperty({ type: 'integer' })
  failed: number;

  /** Why; of the first 100 lines that failed. */
  @ApiProperty({ type: [ImportErrorDto] })
  errors: ImportErrorDto[];
}

/** How a bulk request is to be carried out. */
export class BulkQueryDto {
  /** `atomic`: all items or none. `partial`: each item that can be written is, and the answer is 207. */
  @IsOptional()
  @IsIn(['atomic', 'partial'])
  mode?: 'atomic' | 'partial' = 'atomic';

  /** Answers as if it were written, and writes nothing. */
  @IsOptional()
  @Flag()
  @IsBoolean()
  dryRun?: boolean = false;
}

/** Which records a bulk request is about. */
export class IdsDto {
  @ApiProperty({ type: 'array', items: { type: 'string', format: 'uuid' } })
  @IsArray() // of what, IdsPipe checks: it can say which of them is wrong
  ids: string[];
}

/** One thing that is wrong with a request. */
export class ProblemErrorDto {
  /** JSON pointer to what is wrong. @example '/3/releaseYear' */
  pointer: string;

  /** A word for programs. @example 'is_int' */
  code: string;

  /** A sentence for people. @example 'releaseYear must be an integer number.' */
  detail: string;

  /** Which item of a bulk request, counted from 0. */
  @ApiPropertyOptional({ type: 'integer' })
  index?: number;

  /** Which line of an imported file, counted from 1. */
  @ApiPropertyOptional({ type: 'integer' })
  line?: number;
}

/** What went wrong, as RFC 9457 says it. */
export class ProblemDto {
  /** @example 'about:blank' */
  type: string;

  /** @example 'Unprocessable Entity' */
  title: string;

  /** @example 422 */
  @ApiProperty({ type: 'integer' })
  status: number;

  /** A sentence for people. @example 'releaseYear must be an integer number.' */
  detail: string;

  /** The path that was asked for. @example '/api/v1/books' */
  instance: string;

  /** A word for programs. @example 'is_int' */
  code: string;

  /** Names this request in the log. @example '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77' */
  requestId: string;

  errors?: ProblemErrorDto[];
}

/** What became of one item of a bulk request. */
export class BulkItemDto {
  /** Which item, counted from 0. */
  @ApiProperty({ type: 'integer' })
  index: number;

  /** What the item alone would have been answered. @example 201 */
  @ApiProperty({ type: 'integer' })
  status: number;

  id?: string;

  /** For an upsert: whether the record is new. */
  created?: boolean;

  problem?: ItemProblemDto;
}

/** Why an item of a bulk request was not written. */
export class ItemProblemDto {
  /** @example 'unique' */
  code: string;

  /** @example 'Another record has this identifier.' */
  detail: string;

  errors: ProblemErrorDto[];
}

/** What a bulk request did. */
export class BulkResultDto {
  /** How many items were written. @example 2 */
  @ApiProperty({ type: 'integer' })
  count: number;

  /** The id of each item, in the order of the request; null where it was not written. */
  @ApiProperty({ type: 'array', items: { type: ['string', 'null'] } as object })
  ids: (string | null)[];
}
