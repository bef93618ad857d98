import { Body, HttpCode, HttpStatus, Inject, Param, Post } from '@nestjs/common';
import type { EntityTarget } from 'typeorm';
import { Require } from '@app/access';
import { Documents, IdPipe, refuseLostRoutes, Takes } from '@app/crud';
import { EraseDto, ErasureDto } from './erasure.dto';
import { Eraser } from './eraser';

/** What `Controller` does, and a route on which owners erase what a record tells of a person. */
export function Erasable<B extends abstract new (...parameters: any[]) => object>(
  Entity: EntityTarget<object> & { name: string },
  Controller: B,
) {
  abstract class Routes extends Controller {
    @Inject(Eraser)
    private readonly eraser: Eraser;

    // TypeScript asks this of every mixin.
    constructor(...parameters: any[]) {
      super(...parameters);
      refuseLostRoutes(this, Routes);
    }

    @Post(':id/erase')
    @Require(':erase')
    @HttpCode(HttpStatus.OK)
    @Documents(`Erase what one ${Entity.name} tells of a person`, { 200: ErasureDto }, [400, 404, 413, 415, 422])
    @Takes(String, EraseDto)
    eraseOne(@Param('id', IdPipe) id: string, @Body() { reason }: EraseDto): Promise<ErasureDto> {
      return this.eraser.erase(Entity, id, reason);
    }
  }
  return Routes;
}
