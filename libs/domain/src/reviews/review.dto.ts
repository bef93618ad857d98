import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, IsUUID, Max, MaxLength, Min, MinLength } from 'class-validator';
import { recordOf } from '@app/crud';
import { BookDto } from '../books';
import { CriticDto } from '../critics';

export class CreateReviewDto {
  /** The opinion in a line. @example 'A page-turner, until page nine' */
  @IsString()
  @MinLength(1)
  @MaxLength(200)
  title: string;

  /** Who wrote it: the id of a critic. @example '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77' */
  @IsUUID('loose')
  criticId: string;

  /** What it is about: the id of a book. @example '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e78' */
  @IsUUID('loose')
  bookId: string;

  @ApiProperty({ type: 'integer', example: 4, description: 'From 1, a waste of paper, to 5.' })
  @IsInt()
  @Min(1)
  @Max(5)
  rating: number;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'The opinion at length.',
    example: 'I laughed, I cried, I found a bookmark.',
  })
  @IsOptional()
  @IsString()
  @MaxLength(100_000)
  body?: string | null;
}

export class UpdateReviewDto extends PartialType(CreateReviewDto) {}

export class ReviewDto extends recordOf(CreateReviewDto) {
  @ApiPropertyOptional({ type: () => CriticDto, description: 'Who wrote it, with `include=critic`.' })
  critic?: CriticDto;

  @ApiPropertyOptional({ type: () => BookDto, description: 'What it is about, with `include=book`.' })
  book?: BookDto;
}
