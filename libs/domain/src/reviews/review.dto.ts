import { ApiProperty, IntersectionType, PartialType } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, IsUUID, Max, MaxLength, Min, MinLength } from 'class-validator';
import { RecordDto } from '@app/crud';

export class CreateReviewDto {
  /** @example A page-turner, until page nine */
  @IsString()
  @MinLength(1)
  @MaxLength(200)
  title: string;

  /** Who wrote it: the id of a critic. */
  @IsUUID('loose')
  criticId: string;

  /** What it is about: the id of a book. */
  @IsUUID('loose')
  bookId: string;

  @ApiProperty({ type: 'integer', example: 4 })
  @IsInt()
  @Min(1)
  @Max(5)
  rating: number;

  @ApiProperty({ type: String, nullable: true, example: 'I laughed, I cried, I found a bookmark.' })
  @IsOptional()
  @IsString()
  @MaxLength(100_000)
  body?: string | null;
}

export class UpdateReviewDto extends PartialType(CreateReviewDto) {}
export class ReviewDto extends IntersectionType(RecordDto, CreateReviewDto) {}
