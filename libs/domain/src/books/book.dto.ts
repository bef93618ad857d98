import { ApiProperty, IntersectionType, PartialType } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min, MinLength } from 'class-validator';
import { RecordDto } from '@app/crud';

export class CreateBookDto {
  /** ISBN. @example 978-3-16-148410-0 */
  @IsString()
  @MinLength(1)
  @MaxLength(64)
  identifier: string;

  /** @example A Brief Horror Story of Time */
  @IsString()
  @MinLength(1)
  @MaxLength(200)
  name: string;

  /** @example Stephen Hawk King */
  @IsString()
  @MinLength(1)
  @MaxLength(200)
  author: string;

  @ApiProperty({ type: 'integer', nullable: true, example: 2035 })
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

export class BookDto extends IntersectionType(RecordDto, CreateBookDto, RatedDto) {}
