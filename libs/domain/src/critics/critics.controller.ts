import { Controller } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CrudController } from '@app/crud';
import { Erasable } from '@app/erasure';
import { CriticDto, CreateCriticDto, UpdateCriticDto } from './critic.dto';
import { Critic } from './critic.entity';
import { CriticsService } from './critics.service';

@ApiTags('Critics')
@Controller('critics')
export class CriticsController extends Erasable(
  Critic,
  CrudController(Critic, { read: CriticDto, create: CreateCriticDto, update: UpdateCriticDto }),
) {
  constructor(critics: CriticsService) {
    super(critics);
  }
}
