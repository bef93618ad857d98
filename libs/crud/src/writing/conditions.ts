import { createParamDecorator, ExecutionContext, Injectable, PipeTransform } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Settings } from '@app/config';
import { Cause, Problem } from '../problem/problem';

/** What a client demands of the record it writes (RFC 9110, conditional requests). */
export interface Conditions {
  /** The entity tags it may have, or `*` for any; without: it need not be there. */
  ifMatch?: string[] | '*';
  /** Whether it must not be there yet. */
  ifNoneMatch?: '*';
}

/** The entity tag of a record: another record, or another version of this one, never has the same. */
export const etagOf = ({ id, version }: { id: string; version: number }): string => `"${id}.${version}"`;

/** Whether `If-None-Match` names `etag`: then the client has what it asks for. */
export const isKnown = (ifNoneMatch: string | undefined, etag: string): boolean =>
  ifNoneMatch !== undefined && (ifNoneMatch.trim() === '*' || tagsOf('If-None-Match', ifNoneMatch).includes(etag));

/** The conditions of a write, from its headers. */
export const Conditional = createParamDecorator((_nothing: unknown, context: ExecutionContext): Conditions => {
  const { method, headers } = context.switchToHttp().getRequest<FastifyRequest>();
  const conditions: Conditions = {};
  const match = headers['if-match'];
  if (match !== undefined)
    conditions.ifMatch = match.trim() === '*' ? '*' : tagsOf('If-Match', match, { strong: true });
  const noneMatch = headers['if-none-match'];
  if (noneMatch !== undefined) {
    if (method !== 'PUT' || noneMatch.trim() !== '*')
      throw malformed('If-None-Match', 'can only be * when writing, on PUT: create, never change.');
    conditions.ifNoneMatch = '*';
  }
  return conditions;
});

/** With REQUIRE_IF_MATCH=true: refuses a change that does not say of which version it is one. */
@Injectable()
export class RequiredPipe implements PipeTransform<Conditions, Conditions> {
  constructor(private readonly settings: Settings) {}

  transform(conditions: Conditions): Conditions {
    if (!Array.isArray(conditions.ifMatch) && this.settings.requireIfMatch) {
      throw new Problem(
        428,
        'if_match_required',
        'Say which version you change: send its ETag in If-Match, or change it in bulk with its version.',
      );
    }
    return conditions;
  }
}

/** Says in the documentation that a write can be made to depend on what is there. */
export const TakesIfMatch = (): MethodDecorator =>
  ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'The ETag the record must still have; else 412.',
    schema: { type: 'string' },
  });

/** The same of reads, and of PUT, where `*` stands for any record. */
export const TakesIfNoneMatch = (description: string): MethodDecorator =>
  ApiHeader({ name: 'If-None-Match', required: false, description, schema: { type: 'string' } });

/** The tags of a list, without those that are only weakly the same if `strong`. */
function tagsOf(header: string, list: string, { strong = false } = {}): string[] {
  if (!/^\s*(W\/)?"[^"]*"(\s*,\s*(W\/)?"[^"]*")*\s*$/.test(list))
    throw malformed(header, 'must be * or ETags in quotes.');
  const tags = [...list.matchAll(/(W\/)?("[^"]*")/g)];
  return tags.filter(([, weak]) => !(strong && weak)).map(([, , tag]) => tag);
}

const malformed = (header: string, sentence: string): Problem =>
  Problem.of([{ status: 400, code: 'malformed_header', pointer: `/${header}`, detail: `${header} ${sentence}` }]);

/** Why `record` is not to be written: it is there, or it is not as `conditions` demand. */
export function mismatch(record: { id: string; version: number }, { ifMatch, ifNoneMatch }: Conditions): Cause[] {
  const etag = etagOf(record);
  const failed = { status: 412, etag };
  if (ifNoneMatch) return [{ ...failed, code: 'exists', pointer: '', detail: 'There is such a record already.' }];
  if (!ifMatch || ifMatch === '*' || ifMatch.includes(etag)) return [];
  const detail = `The record has changed meanwhile: its version is ${record.version}.`;
  return [{ ...failed, code: 'version', pointer: '/version', detail }];
}

/** What is to be matched is not there. */
export const gone = (): Cause => ({ status: 412, code: 'version', pointer: '', detail: 'There is no such record.' });
