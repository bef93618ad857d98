import { Body, Get, HttpCode, HttpStatus, Param, Post, Query, type Type } from '@nestjs/common';
import { DeepPartial } from 'typeorm';
import { Require } from '@app/access';
import {
  Conditional,
  type Conditions,
  CrudController,
  Documents,
  fieldsOf,
  IdPipe,
  Parameters,
  partParameters,
  refuseLostRoutes,
  Shapes,
  Takes,
  TakesIfMatch,
} from '@app/crud';
import { HistoryOf, historyOf, RevertDto } from './append-only.dto';
import type { AppendOnlyEntity } from './append-only.entity';
import type { AppendOnlyService, HistoryQuery } from './append-only.service';

/** A controller to extend: every route of a CrudController, `asOf` on those that read, and what there is to do with versions. */
export function AppendOnlyController<
  E extends AppendOnlyEntity,
  R extends object,
  C extends DeepPartial<E>,
  U extends DeepPartial<E>,
>(Entity: Type<E>, shapes: Shapes<R, C, U>) {
  const name = Entity.name;
  const shown = fieldsOf(shapes.read);
  const historyQuery = new Parameters(partParameters());

  abstract class Routes extends CrudController(Entity, shapes, { keepsVersions: true }) {
    constructor(protected override readonly service: AppendOnlyService<E>) {
      super(service);
      refuseLostRoutes(this, Routes);
    }

    @Get(':id/history')
    @Require(':read')
    @Documents(`Read the versions of one ${name}, the latest first`, { 200: historyOf(shapes.read) }, [400, 404])
    @historyQuery.documented()
    async readHistory(
      @Param('id', IdPipe) id: string,
      @Query(historyQuery) query: HistoryQuery = {},
    ): Promise<HistoryOf<R>> {
      const { items, nextCursor } = await this.service.readHistory(id, query);
      return {
        items: items.map(({ record, changed, ...version }) => ({
          version: record.version,
          ...version,
          changed: changed.filter((field) => shown.includes(field)),
          record: this.toDto(record),
        })),
        nextCursor,
      };
    }

    @Post(':id/revert')
    @Require(':write')
    @HttpCode(HttpStatus.OK)
    @TakesIfMatch()
    @Documents(
      `Make one ${name} what it was in an earlier version`,
      { 200: shapes.read },
      [400, 404, 409, 412, 413, 415, 422],
    )
    @Takes(String, RevertDto, Object)
    async revertOne(
      @Param('id', IdPipe) id: string,
      @Body() { version }: RevertDto,
      @Conditional() conditions: Conditions,
    ): Promise<R> {
      return this.toDto(await this.service.revertOne(id, version, conditions));
    }
  }

  return Routes;
}
