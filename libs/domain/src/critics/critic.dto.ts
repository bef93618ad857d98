import { ApiProperty, IntersectionType, PartialType } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength, MinLength } from 'class-validator';
import { RecordDto } from '@app/crud';

export class CreateCriticDto {
  /** @example ada */
  @IsString()
  @MinLength(1)
  @MaxLength(64)
  username: string;

  @ApiProperty({ type: String, nullable: true, example: 'Ada Lovelace' })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  name?: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'Reads the footnotes first.' })
  @IsOptional()
  @IsString()
  @MaxLength(10_000)
  bio?: string | null;
}

export class UpdateCriticDto extends PartialType(CreateCriticDto) {}
export class CriticDto extends IntersectionType(RecordDto, CreateCriticDto) {}
