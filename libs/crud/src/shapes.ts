import type { Type } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, IntersectionType, OmitType, PartialType, PickType } from '@nestjs/swagger';
import { IsInt, IsUUID, Min, ValidateIf } from 'class-validator';
import type { Lists } from './reading/list-fields';
import { BulkItemDto, BulkResultDto, RecordDto } from './crud.dto';

/** How a model looks on the wire: read back, sent to create, sent to update. */
export interface Shapes<R, C, U> {
  read: Type<R>;
  create: Type<C>;
  update: Type<U>;
  /** Which fields lists go by; without: all scalar ones of `read`. */
  lists?: Lists<R>;
}

/** TypeScript erases generics; this writes the types back where the input pipe and Swagger look for them. */
export const Takes = (...types: unknown[]): MethodDecorator => Reflect.metadata('design:paramtypes', types);

/** The shape a record is read in: what every record has, and all fields of `shapes`, of which none is left out of an answer. */
export function recordOf<A extends object, B extends object = object>(
  shape: Type<A>,
  more?: Type<B>,
): Type<RecordDto & Required<A> & Required<B>> {
  const parts = [RecordDto, shape, ...(more ? [more] : [])] as [Type<object>, ...Type<object>[]];
  const record = class extends (IntersectionType(...parts) as Type<object>) {};
  for (const field of fieldsOf(record)) {
    const documented: object = Reflect.getMetadata('swagger/apiModelProperties', record.prototype, field) ?? {};
    ApiProperty({ ...documented, required: true })(record.prototype, field);
  }
  return record as Type<RecordDto & Required<A> & Required<B>>;
}

class WithId {
  @ApiProperty({ format: 'uuid' })
  @IsUUID('loose')
  id: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    description: 'The version the record must still have; else 412.',
  })
  @ValidateIf((item: WithId) => item.version !== undefined)
  @IsInt()
  @Min(1)
  version?: number;
}

/** The shape of a change, naming the record it is about: UpdateBookDto → UpdateBookWithIdDto. */
export function withId<U extends object>(update: Type<U>): Type<U & WithId> {
  return named(
    update.name.replace(/Dto$/, 'WithIdDto'),
    class extends (IntersectionType(WithId, update) as Type<object>) {},
  ) as unknown as Type<U & WithId>;
}

/** The shape of an upsert: only its natural `key` is required, for whatever is omitted stays as it is. */
export function upsertOf<C extends object>(create: Type<C>, key: string[]): Type<C> {
  const keys = key as (keyof C)[];
  const shape = class extends (IntersectionType(
    PickType(create, keys),
    PartialType(OmitType(create, keys)),
  ) as Type<object>) {};
  return named(create.name.replace(/^Create/, 'Upsert'), shape) as unknown as Type<C>;
}

/** Some records of a list, as they leave. */
export interface PageOf<R> {
  items: R[];
  nextCursor: string | null;
  total?: number;
}

/** A page of records: BookDto → BookPageDto. */
export function pageOf<R>(read: Type<R>): Type<PageOf<R>> {
  class PageDto {
    @ApiProperty({ type: [read] })
    items: R[];

    @ApiProperty({ type: String, nullable: true, description: 'Ask for the next page with it; null on the last.' })
    nextCursor: string | null;

    @ApiPropertyOptional({ type: 'integer', description: 'How many records the list has, with `count`.' })
    total?: number;
  }
  return named(read.name.replace(/Dto$/, 'PageDto'), PageDto);
}

/** The records found for given ids: BookDto → BookListDto. */
export function listOf<R>(read: Type<R>): Type<{ items: R[]; missing: string[] }> {
  class ListDto {
    @ApiProperty({ type: [read] })
    items: R[];

    @ApiProperty({ type: [String], description: 'The ids that no record has.' })
    missing: string[];
  }
  return named(read.name.replace(/Dto$/, 'ListDto'), ListDto);
}

/** What a bulk request did, with the records where they were asked for: BookDto → BookBulkResultDto. */
export function bulkResultOf<R>(read: Type<R>): Type<BulkResultDto> {
  class ItemDto extends BulkItemDto {
    @ApiPropertyOptional({ type: read, description: 'The record, with `Prefer: return=representation`.' })
    item?: R;
  }
  named(read.name.replace(/Dto$/, 'BulkItemDto'), ItemDto);

  class ResultDto extends BulkResultDto {
    @ApiPropertyOptional({
      type: [ItemDto],
      description: 'Each item in the order of the request: for upserts, mode=partial and representations.',
    })
    results?: ItemDto[];
  }
  return named(read.name.replace(/Dto$/, 'BulkResultDto'), ResultDto);
}

/** The fields a shape declares to the documentation; only these ever leave in an answer. */
export function fieldsOf(shape: Type<unknown>): string[] {
  const declared: string[] = Reflect.getMetadata('swagger/apiModelPropertiesArray', shape.prototype) ?? [];
  const fields = new Set(declared.map((key) => key.slice(1))); // written as ":name"
  for (
    let Class = shape as SwaggerClass;
    Class?._OPENAPI_METADATA_FACTORY;
    Class = Object.getPrototypeOf(Class) as SwaggerClass
  ) {
    for (const field of Object.keys(Class._OPENAPI_METADATA_FACTORY())) fields.add(field);
  }
  if (!fields.size) {
    throw new Error(
      `${shape.name} declares no fields: name its file *.dto.ts and compile with the Swagger plugin (nest-cli.json).`,
    );
  }
  return [...fields];
}

/** The shape that `shape` says its field `name` has: `@ApiPropertyOptional({ type: () => BookDto })`. */
export function shapeOfField(shape: Type<unknown>, name: string): Type<object> {
  const documented = Reflect.getMetadata('swagger/apiModelProperties', shape.prototype, name) as
    { type?: () => Type<object> } | undefined;
  if (!documented?.type) {
    throw new Error(`${shape.name}.${name} has no shape: declare it with @ApiPropertyOptional({ type: () => …Dto }).`);
  }
  return documented.type();
}

type SwaggerClass = Type<unknown> & { _OPENAPI_METADATA_FACTORY?: () => object };

function named<T>(name: string, shape: Type<T>): Type<T> {
  Object.defineProperty(shape, 'name', { value: name });
  return shape;
}
