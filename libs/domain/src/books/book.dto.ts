import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min, MinLength } from 'class-validator';
import { recordOf } from '@app/crud';

export class CreateBookDto {
  /** Its ISBN, which no other book has. @example '978-3-16-148410-0' */
  @IsString()
  @MinLength(1)
  @MaxLength(64)
  identifier: string;

  /** Its title. @example 'A Brief Horror Story of Time' */
  @IsString()
  @MinLength(1)
  @MaxLength(200)
  name: string;

  /** Who wrote it. @example 'Stephen Hawk King' */
  @IsString()
  @MinLength(1)
  @MaxLength(200)
  author: string;

  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    example: 2035,
    description: 'When it came out; negative before our era.',
  })
  @IsOptional()
  @IsInt()
  @Min(-5_000)
  @Max(9_999)
  releaseYear?: number | null;
}

export class UpdateBookDto extends PartialType(CreateBookDto) {}

class RatedDto {
  @ApiProperty({
    type: 'number',
    nullable: true,
    readOnly: true,
    example: 4.5,
    description: 'The mean of its reviews.',
  })
  averageRating: number | null;
}

export class BookDto extends recordOf(CreateBookDto, RatedDto) {}
