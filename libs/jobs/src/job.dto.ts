import { ApiProperty } from '@nestjs/swagger';

/** What can become of a job. */
export const JOB_STATES = ['waiting', 'running', 'done', 'failed'] as const;

/** Work that somebody asked for and did not wait for. */
export class JobDto {
  @ApiProperty({ format: 'uuid', example: '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77' })
  id: string;

  /** What kind of work it is. @example 'crud.import' */
  name: string;

  /** Whether it waits for a worker, also to be tried again; runs; or has come to an end. @example 'done' */
  @ApiProperty({ enum: JOB_STATES, enumName: 'JobState' })
  state: (typeof JOB_STATES)[number];

  @ApiProperty({
    type: Number,
    minimum: 0,
    maximum: 1,
    example: 1,
    description: 'How much of it is done, from 0 to 1.',
  })
  progress: number;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    example: { created: 2, updated: 0, unchanged: 0, failed: 0, errors: [] },
    description: 'What came of it, such as the report of an import; null before that, and where it says nothing.',
  })
  result: object | null;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    example: null,
    description: 'Why nothing came of it, as a problem: `status`, `code`, `detail` and perhaps `errors`; else null.',
  })
  problem: object | null;

  /** When it was asked for. @example '2026-11-24T09:30:00.000Z' */
  createdAt: Date;

  /** When a worker last began with it. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: '2026-11-24T09:30:00.000Z' })
  startedAt: Date | null;

  /** When it came to its end. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: '2026-11-24T09:30:07.000Z' })
  finishedAt: Date | null;
}
