import { ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength, MinLength } from 'class-validator';
import { recordOf, SoftDeleteDto } from '@app/crud';

export class CreateCriticDto {
  /** What everyone calls them, and no one else. @example 'ada' */
  @IsString()
  @MinLength(1)
  @MaxLength(64)
  username: string;

  @ApiPropertyOptional({ type: String, nullable: true, example: 'Ada Lovelace', description: 'Their name in print.' })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  name?: string | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'What they say of themselves.',
    example: 'Reads the footnotes first.',
  })
  @IsOptional()
  @IsString()
  @MaxLength(10_000)
  bio?: string | null;
}

export class UpdateCriticDto extends PartialType(CreateCriticDto) {}
export class CriticDto extends recordOf(CreateCriticDto, SoftDeleteDto) {}
