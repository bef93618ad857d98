import type { FastifyReply } from 'fastify';
import { BulkItemDto, BulkQueryDto, BulkResultDto } from '../crud.dto';
import { How, located } from './record-writer';
import { Items } from '../input/items.pipe';
import { Problem } from '../problem/problem';
import { isRefused, Outcome } from './write-each';

/** How one bulk verb writes its items, and what it answers when all went well. */
export interface BulkAnswer<T, E> {
  status: 200 | 201;
  /** Upserts say of each item whether its record is new. */
  tells?: 'created';
  write(values: T[], how: How): Promise<Outcome<E>[]>;
}

/**
 * Writes the items that have their shape and answers for all of them. With `atomic`, one bad item fails the request, and
 * what the database has against the others is found out too, so that the client hears everything at once.
 */
export async function answerBulk<T, E>(
  items: Items<T>,
  { mode }: BulkQueryDto,
  prefer: string | undefined,
  reply: FastifyReply,
  verb: BulkAnswer<T, E>,
  toDto: (row: E) => object,
): Promise<BulkResultDto> {
  const representation = /\breturn=representation\b/.test(prefer ?? '');
  const partial = mode === 'partial';
  const written = await verb.write(
    items.valid.map(({ value }) => value),
    { mode: partial || items.invalid.size ? 'partial' : 'atomic', representation },
  );

  const outcomes = new Array<Outcome<E>>(items.count);
  items.valid.forEach(({ index }, place) => (outcomes[index] = written[place]));
  for (const [index, causes] of items.invalid) outcomes[index] = { causes };
  if (!partial && items.invalid.size) throw Problem.of(located(outcomes));

  reply.status(partial ? 207 : verb.status);
  if (representation) reply.header('Preference-Applied', 'return=representation');
  const ids = outcomes.map((outcome) => (isRefused(outcome) ? null : outcome.id));
  const result: BulkResultDto & { results?: BulkItemDto[] } = { count: ids.filter((id) => id !== null).length, ids };
  if (partial || representation || verb.tells)
    result.results = outcomes.map((outcome, index) => itemOf(outcome, index, verb.tells, toDto));
  return result;
}

function itemOf<E>(
  outcome: Outcome<E>,
  index: number,
  tells: 'created' | undefined,
  toDto: (row: E) => object,
): BulkItemDto {
  if (isRefused(outcome)) {
    const { status, code, detail, errors = [] } = Problem.of(outcome.causes).body;
    return { index, status, problem: { code, detail, errors } };
  }
  const { status, id, row } = outcome;
  return {
    index,
    status: status === 'created' ? 201 : 200,
    id,
    ...(tells && { created: status === 'created' }),
    ...(row && { item: toDto(row) }),
  };
}
