import {
  Body,
  Delete,
  Get,
  Headers,
  HttpCode,
  HttpStatus,
  Inject,
  Param,
  Patch,
  Post,
  Put,
  Query,
  Req,
  Res,
  type StreamableFile,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { ApiBody } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DeepPartial } from 'typeorm';
import { Require } from '@app/access';
import { BaseEntity, currentUnit } from '@app/database';
import { JobDto } from '@app/jobs';
import { answerBulk, BulkAnswer } from './writing/bulk-answer';
import { BulkQueryDto, BulkResultDto, CountDto, IdsDto, ImportReportDto } from './crud.dto';
import { CrudService } from './crud.service';
import { Documents, MayPrefer, When } from './documents';
import { IdempotencyInterceptor } from './idempotency/idempotency.interceptor';
import { IdPipe } from './input/id.pipe';
import { IdsPipe, type Items, itemsOf } from './input/items.pipe';
import { refuseLostRoutes } from './lost-routes';
import { checkedLines, columnsOf } from './transfer/checked-lines';
import { fileOf, formatOf, GivesFile } from './transfer/download';
import { linesOf } from './transfer/lines';
import { unzipped } from './transfer/body';
import type { ImportReport } from './transfer/importer';
import { ImportLater } from './transfer/later/import-later';
import { TakesFile, type Upload, uploadOf } from './transfer/upload';
import { Conditional, type Conditions, RequiredPipe, TakesIfMatch, TakesIfNoneMatch } from './writing/conditions';
import { isSoftDelete, requireNaturalKey } from './writing/natural-key';
import { Change } from './writing/record-writer';
import { listFieldsOf } from './reading/list-fields';
import {
  deleteParameters,
  exportParameters,
  flag,
  importParameters,
  oneParameters,
  pageParameters,
} from './reading/list-parameters';
import type {
  DeleteMatchingQuery,
  DeleteQuery,
  ExportQuery,
  ImportQuery,
  OneQuery,
  PageQuery,
} from './reading/list-query';
import { Parameters } from './reading/parameters';
import { Problem } from './problem/problem';
import { RecordHeadersInterceptor } from './record-headers.interceptor';
import {
  bulkResultOf,
  fieldsOf,
  listOf,
  PageOf,
  pageOf,
  shapeOfField,
  Shapes,
  Takes,
  upsertOf,
  withId,
} from './shapes';

/**
 * A controller to extend: every route for one and for many records of `Entity`, in the given shapes. `keepsVersions` says
 * that records can be read as they were.
 */
export function CrudController<
  E extends BaseEntity,
  R extends object,
  C extends DeepPartial<E>,
  U extends DeepPartial<E>,
>(Entity: Type<E>, shapes: Shapes<R, C, U>, { keepsVersions = false } = {}) {
  const name = Entity.name;
  const key = requireNaturalKey(Entity);
  const upsert = upsertOf(shapes.create, key);
  const change = withId(shapes.update);
  const [BulkResult, PageDto, ListDto] = [bulkResultOf(shapes.read), pageOf(shapes.read), listOf(shapes.read)];
  const lists = listFieldsOf(Entity, shapes.read, shapes.lists, keepsVersions);
  const fields = lists.all as (keyof R & keyof E)[];
  const included = new Map(lists.include.map((name) => [name, fieldsOf(shapeOfField(shapes.read, name))]));
  const isSoft = isSoftDelete(Entity);
  const pageQuery = new Parameters(pageParameters(lists));
  const oneQuery = new Parameters(oneParameters(lists));
  const deleteQuery = new Parameters(isSoft ? [flag('purge', 'For good, even if it is deleted already.')] : []);
  const [exportQuery, importQuery] = [new Parameters(exportParameters(lists)), new Parameters(importParameters())];
  const columns = columnsOf(Entity, shapes.create, lists.all);
  const deleteMatchingQuery = new Parameters(deleteParameters(lists));

  @UseInterceptors(IdempotencyInterceptor, RecordHeadersInterceptor)
  abstract class Routes {
    @Inject(ImportLater)
    private readonly later: ImportLater;

    constructor(protected readonly service: CrudService<E>) {
      refuseLostRoutes(this, Routes);
    }

    @Get()
    @Require(':read')
    @Documents(`Read a page of ${name} records`, { 200: PageDto }, [400])
    @pageQuery.documented()
    async readPage(@Query(pageQuery) query: PageQuery = {}): Promise<PageOf<R>> {
      const { items, ...rest } = await this.service.readPage(this.needed(query));
      return { items: items.map((row) => this.asked(row, query)), ...rest };
    }

    @Get(':id')
    @Require(':read')
    @TakesIfNoneMatch('The ETag of what the client has; if the record still has it, the answer is 304.')
    @Documents(`Read one ${name}`, { 200: shapes.read, 304: undefined }, [400, 404])
    @oneQuery.documented()
    async readOne(@Param('id', IdPipe) id: string, @Query(oneQuery) query: OneQuery = {}): Promise<R> {
      return this.asked(await this.service.readOne(id, this.needed(query)), query);
    }

    @Post()
    @Require(':write')
    @Documents(`Create one ${name}`, { 201: shapes.read }, [400, 409, 413, 415, 422])
    @Takes(shapes.create)
    async createOne(@Body() values: C): Promise<R> {
      if (this.onlyInserts()) currentUnit().writesOnce();
      return this.toDto(await this.service.createOne(values));
    }

    @Put()
    @Require(':write')
    @Documents(
      `Create one ${name}, or change the one with the same ${key.join(' and ')}`,
      { 200: shapes.read, 201: shapes.read },
      [400, 409, 412, 413, 415, 422],
    )
    @TakesIfMatch()
    @TakesIfNoneMatch('With *: create, never change; else 412.')
    @ApiBody({ type: upsert })
    @Takes(upsert, Object, Object)
    async upsertOne(
      @Body() values: C,
      @Conditional() conditions: Conditions,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<R> {
      const { row, created } = await this.service.upsertOne(values, conditions);
      reply.status(created ? HttpStatus.CREATED : HttpStatus.OK);
      return this.toDto(row);
    }

    @Patch(':id')
    @Require(':write')
    @TakesIfMatch()
    @Documents(`Change one ${name}`, { 200: shapes.read }, [400, 404, 409, 412, 413, 415, 422, 428])
    @Takes(String, shapes.update, Object)
    async updateOne(
      @Param('id', IdPipe) id: string,
      @Body() values: U,
      @Conditional(RequiredPipe) conditions: Conditions,
    ): Promise<R> {
      return this.toDto(await this.service.updateOne(id, values, conditions));
    }

    @Delete(':id')
    @Require(':delete')
    @HttpCode(HttpStatus.NO_CONTENT)
    @TakesIfMatch()
    @Documents(`Delete one ${name}`, { 204: undefined }, [400, 404, 409, 412])
    @deleteQuery.documented()
    async deleteOne(
      @Param('id', IdPipe) id: string,
      @Conditional() conditions: Conditions,
      @Query(deleteQuery) { purge }: DeleteQuery = {},
    ): Promise<void> {
      await this.service.deleteOne(id, { ...conditions, purge });
    }

    @Delete()
    @Require(':delete')
    @Documents(`Delete all ${name} records that match a filter`, { 200: CountDto }, [400, 409, 422])
    @deleteMatchingQuery.documented()
    async deleteMatching(@Query(deleteMatchingQuery) query: DeleteMatchingQuery): Promise<CountDto> {
      if (!query.filter && query.confirm !== 'all') throw refuseToDeleteAll();
      if (query.dryRun) currentUnit().keepNothing();
      return { count: await this.service.deleteMatching(query, query) };
    }

    @Require(':write')
    @When(isSoft, Post(':id/restore'), HttpCode(HttpStatus.OK), TakesIfMatch())
    @When(isSoft, Documents(`Restore a deleted ${name}`, { 200: shapes.read }, [400, 404, 409, 412]))
    async restoreOne(@Param('id', IdPipe) id: string, @Conditional() conditions: Conditions): Promise<R> {
      return this.toDto(await this.service.restoreOne(id, conditions));
    }

    @Post('bulk')
    @Require(':write')
    @MayPrefer()
    @Documents(`Create many ${name} records`, { 201: BulkResult, 207: BulkResult }, [400, 409, 413, 415, 422])
    @ApiBody({ type: [shapes.create] })
    createMany(
      @Body(itemsOf(shapes.create)) items: Items<C>,
      @Query() how: BulkQueryDto,
      @Headers('prefer') prefer: string | undefined,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<BulkResultDto> {
      return this.bulk(items, how, prefer, reply, {
        status: 201,
        write: (values, options) => this.service.createMany(values, options),
      });
    }

    @Put('bulk')
    @Require(':write')
    @MayPrefer()
    @Documents(
      `Create many ${name} records, or change those with the same ${key.join(' and ')}`,
      { 200: BulkResult, 207: BulkResult },
      [400, 409, 413, 415, 422],
    )
    @ApiBody({ type: [upsert] })
    upsertMany(
      @Body(itemsOf(upsert)) items: Items<C>,
      @Query() how: BulkQueryDto,
      @Headers('prefer') prefer: string | undefined,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<BulkResultDto> {
      return this.bulk(items, how, prefer, reply, {
        status: 200,
        tells: 'created',
        write: (values, options) => this.service.upsertMany(values, options),
      });
    }

    @Patch('bulk')
    @Require(':write')
    @MayPrefer()
    @Documents(`Change many ${name} records`, { 200: BulkResult, 207: BulkResult }, [400, 404, 409, 412, 413, 415, 422])
    @ApiBody({ type: [change] })
    updateMany(
      @Body(itemsOf(change)) items: Items<Change<E>>,
      @Query() how: BulkQueryDto,
      @Headers('prefer') prefer: string | undefined,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<BulkResultDto> {
      return this.bulk(items, how, prefer, reply, {
        status: 200,
        write: (values, options) => this.service.updateMany(values, options),
      });
    }

    @Post('bulk/delete')
    @Require(':delete')
    @HttpCode(HttpStatus.OK)
    @Documents(`Delete many ${name} records`, { 200: BulkResult, 207: BulkResult }, [400, 404, 409, 413, 415, 422])
    deleteMany(
      @Body(IdsPipe) { ids }: IdsDto,
      @Query() how: BulkQueryDto,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<BulkResultDto> {
      const items = { count: ids.length, valid: ids.map((value, index) => ({ index, value })), invalid: new Map() };
      return this.bulk(items, how, undefined, reply, {
        status: 200,
        write: (values, options) => this.service.deleteMany(values, options),
      });
    }

    @Post('bulk/read')
    @Require(':read')
    @HttpCode(HttpStatus.OK)
    @Documents(`Read many ${name} records`, { 200: ListDto }, [400, 413, 415, 422])
    async readMany(@Body(IdsPipe) { ids }: IdsDto): Promise<{ items: R[]; missing: string[] }> {
      const { items, missing } = await this.service.readMany(ids);
      return { items: items.map((row) => this.toDto(row)), missing };
    }

    @Post('import')
    @Require(':write')
    @HttpCode(HttpStatus.OK)
    @TakesFile()
    @Documents(`Import ${name} records from a file`, { 200: ImportReportDto, 202: JobDto }, [400, 409, 415, 422])
    @importQuery.documented()
    importMany(
      @Query(importQuery) { async: isLater, ...how }: ImportQuery,
      @Req() { body, headers }: FastifyRequest,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<ImportReportDto | JobDto> {
      const upload = uploadOf(body, headers);
      if (isLater) return this.later.leave(this.constructor.name, upload, how, reply);
      if (how.dryRun) currentUnit().keepNothing();
      return this.importFile(upload, how);
    }

    /** Writes the records of a file, in a request or in a job. */
    importFile({ body, encoding, format }: Upload, how: ImportQuery): Promise<ImportReport> {
      const lines = linesOf(unzipped(body, encoding), format, columns, how);
      return this.service.importMany(checkedLines(how.mode === 'upsert' ? upsert : shapes.create, lines), how);
    }

    @Get('export')
    @Require(':read')
    @GivesFile()
    @Documents(`Export ${name} records as a file`, {}, [400])
    @exportQuery.documented()
    async exportMany(
      @Query(exportQuery) query: ExportQuery,
      @Req() { headers, raw }: FastifyRequest,
    ): Promise<StreamableFile> {
      const format = query.format ?? formatOf(headers.accept);
      const stream = await this.service.exportMany(query, {
        format,
        fields: query.fields ?? lists.all,
        shape: this.toDto === Routes.prototype.toDto ? undefined : (row) => this.toDto(row),
      });
      return fileOf(stream, format, name, raw);
    }

    /** How a record leaves: with the fields its read shape declares and no others; override it to add one. */
    protected toDto(row: E): R {
      const dto: Partial<Record<keyof R, unknown>> = {};
      for (const field of fields) dto[field] = row[field];
      return dto as R;
    }

    /** Whether to create one record is nothing but to insert it: no code of the model's own takes part. */
    private onlyInserts(): boolean {
      return (
        this.createOne === Routes.prototype.createOne &&
        this.toDto === Routes.prototype.toDto &&
        this.service.createOne === CrudService.prototype.createOne &&
        this.service.createMany === CrudService.prototype.createMany
      );
    }

    /** What to read of a record for an answer: all of it where a model's own `toDto` may look at any field. */
    private needed<Q extends OneQuery>(query: Q): Q {
      return this.toDto === Routes.prototype.toDto ? query : { ...query, fields: undefined };
    }

    /** A record as `query` asks for it: with what it includes, or with some fields only. */
    private asked(row: E, { fields: chosen, include }: OneQuery): R {
      const dto = this.toDto(row) as Record<string, unknown>;
      for (const name of include ?? []) dto[name] = picked(row[name as keyof E], included.get(name)!);
      return (chosen ? picked(dto, ['id', ...chosen, ...(include ?? [])]) : dto) as R;
    }

    private bulk<T>(
      items: Items<T>,
      how: BulkQueryDto,
      prefer: string | undefined,
      reply: FastifyReply,
      answer: BulkAnswer<T, E>,
    ): Promise<BulkResultDto> {
      if (how.dryRun) currentUnit().keepNothing();
      return answerBulk(items, how, prefer, reply, answer, (row) => this.toDto(row));
    }
  }

  return Routes;
}

function picked(record: unknown, fields: string[]): object | null {
  if (!record) return null;
  return Object.fromEntries(fields.map((field) => [field, (record as Record<string, unknown>)[field]]));
}

const refuseToDeleteAll = (): Problem =>
  Problem.of([
    {
      status: 400,
      code: 'confirm_required',
      pointer: '/confirm',
      detail: 'Without a filter all records would go: say confirm=all if that is meant.',
    },
  ]);
