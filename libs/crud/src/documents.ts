import { applyDecorators, type Type } from '@nestjs/common';
import { ApiExtraModels, ApiHeader, ApiOperation, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { ProblemDto } from './crud.dto';

/** Says in the documentation what a route does, what it answers, and with which problems. */
export function Documents(
  summary: string,
  answers: Record<number, Type<unknown> | undefined>,
  problems: number[],
): MethodDecorator {
  return applyDecorators(
    ApiOperation({ summary }),
    ApiExtraModels(ProblemDto),
    ...Object.entries(answers).map(([status, type]) =>
      ApiResponse({ status: Number(status), type, description: MEANING[status] }),
    ),
    ...problems.map((status) =>
      ApiResponse({
        status,
        description: MEANING[status],
        content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemDto) } } },
      }),
    ),
  );
}

/** Decorates a method only if `condition` holds: for routes that some models have and others do not. */
export const When = (condition: boolean, ...decorators: MethodDecorator[]): MethodDecorator =>
  applyDecorators(...(condition ? decorators : []));

/** Lets a bulk request ask for the records themselves. */
export const MayPrefer = (): MethodDecorator =>
  ApiHeader({
    name: 'Prefer',
    required: false,
    description: 'Records in the answer, not only their ids.',
    schema: { type: 'string', enum: ['return=representation', 'return=minimal'] },
  });

const MEANING: Record<string, string> = {
  200: 'Done.',
  201: 'Created.',
  202: 'It will be done; `Location` says where to watch it.',
  204: 'Done; there is nothing more to say.',
  207: 'With mode=partial: what became of each item.',
  304: 'The client has it already.',
  400: 'The request cannot be read: its path, query or JSON is malformed.',
  404: 'There is no such record.',
  409: 'In conflict with another record: `unique` or `still_referenced`.',
  412: 'The record is not as the request demands; `ETag` says which version it is.',
  413: 'The body or the list in it is too large.',
  415: 'The body is not application/json.',
  422: 'The values are not acceptable; errors names each.',
  428: 'It must be said which version is changed: If-Match.',
};
