import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { CrudService } from '@app/crud';
import { Critic } from './critic.entity';

@Injectable()
export class CriticsService extends CrudService<Critic> {
  constructor(@InjectRepository(Critic) critics: Repository<Critic>) {
    super(critics);
  }
}
