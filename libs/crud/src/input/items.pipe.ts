import { Inject, Injectable, mixin, PipeTransform, Type } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { Settings } from '@app/config';
import { IdsDto } from '../crud.dto';
import { Cause, Problem } from '../problem/problem';
import { checkShape } from './check-shape';

/** The items of a bulk request: those that have their shape, and what is wrong with each of the others. */
export interface Items<T> {
  count: number;
  valid: { index: number; value: T }[];
  invalid: Map<number, Cause[]>;
}

/** A body that is a list, each item checked as strictly as a single one. */
export function itemsOf<T extends object>(Shape: Type<T>): Type<PipeTransform<unknown, Items<T>>> {
  @Injectable()
  class ItemsPipe implements PipeTransform<unknown, Items<T>> {
    constructor(@Inject(Settings) private readonly settings: Settings) {}

    transform(body: unknown): Items<T> {
      if (!Array.isArray(body))
        throw Problem.of([{ status: 422, code: 'type', pointer: '', detail: 'A list is expected here.' }]);
      refuseTooMany(body.length, this.settings.bulkMaxItems);
      const items: Items<T> = { count: body.length, valid: [], invalid: new Map() };
      for (const [index, item] of body.entries()) {
        const { value, causes } = checkShape(Shape, item);
        if (value) items.valid.push({ index, value });
        else items.invalid.set(index, causes);
      }
      return items;
    }
  }
  return mixin(ItemsPipe);
}

/** Refuses a list of ids that is longer than a bulk request may be, and names each that is none. */
@Injectable()
export class IdsPipe implements PipeTransform<IdsDto, IdsDto> {
  constructor(@Inject(Settings) private readonly settings: Settings) {}

  transform(body: IdsDto): IdsDto {
    refuseTooMany(body.ids.length, this.settings.bulkMaxItems);
    const causes = body.ids.flatMap((id, index) => (isUUID(id, 'loose') ? [] : notAnId(index)));
    if (causes.length) throw Problem.of(causes);
    return body;
  }
}

const notAnId = (index: number): Cause => ({
  status: 422,
  code: 'is_uuid',
  pointer: `/ids/${index}`,
  detail: 'An id is a UUID.',
  index,
});

/** Throws 413 when a bulk request carries more items than BULK_MAX_ITEMS. */
function refuseTooMany(count: number, most: number): void {
  if (count > most) {
    throw new Problem(
      413,
      'too_many_items',
      `At most ${most} items fit one request (BULK_MAX_ITEMS); this one has ${count}.`,
    );
  }
}
