import { Controller, Get, Post } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Column, Entity, Unique } from 'typeorm';
import { BaseEntity } from '@app/database';
import { CrudController } from './crud.controller';
import { CrudService } from './crud.service';

/** Someone who may sign in: the model whose rows hold what must never leave. */
@Entity()
@Unique('uc_Login_Email', ['email'])
class Login extends BaseEntity {
  @Column('text') email: string;
  @Column('text') passwordHash: string;
}

class CreateLoginDto {
  @ApiProperty() email: string;
  @ApiProperty() passwordHash: string;
}

class LoginDto {
  @ApiProperty() id: string;
  @ApiProperty() email: string;
}

const shapes = { read: LoginDto, create: CreateLoginDto, update: CreateLoginDto };
const row = {
  id: '1',
  email: 'ada@example.com',
  passwordHash: 'secret',
  createdAt: new Date(),
  updatedAt: new Date(),
  version: 1,
} as Login;
const service = {
  readOne: () => Promise.resolve(row),
  readPage: () => Promise.resolve({ items: [row], nextCursor: null }),
} as unknown as CrudService<Login>;

describe('CrudController', () => {
  it('lets nothing leave that the read shape does not declare', async () => {
    @Controller('logins')
    class LoginsController extends CrudController(Login, shapes) {}

    const controller = new LoginsController(service);
    expect(await controller.readOne('1')).toEqual({ id: '1', email: 'ada@example.com' });
    expect((await controller.readPage({})).items).toEqual([{ id: '1', email: 'ada@example.com' }]);
  });

  it('refuses an override that would lose its route, and says what to type', () => {
    @Controller('logins')
    class Forgetful extends CrudController(Login, shapes) {
      override createOne(values: CreateLoginDto): Promise<LoginDto> {
        return super.createOne(values);
      }
    }
    expect(() => new Forgetful(service)).toThrow(
      'Forgetful.createOne overrides a route: repeat its decorator, such as @Post()',
    );
  });

  it('takes an override that repeats its decorator, and routes of its own', () => {
    @Controller('logins')
    class Careful extends CrudController(Login, shapes) {
      @Post()
      override createOne(values: CreateLoginDto): Promise<LoginDto> {
        return super.createOne(values);
      }

      @Get('first')
      readFirst(): Promise<LoginDto> {
        return this.readOne('1');
      }
    }
    expect(() => new Careful(service)).not.toThrow();
  });

  it('refuses an entity without a natural key, which could not be upserted', () => {
    @Entity()
    class Nameless extends BaseEntity {
      @Column('text') email: string;
      @Column('text') passwordHash: string;
    }
    expect(() => CrudController(Nameless, shapes)).toThrow(
      "Nameless cannot be upserted without a natural key: put @Unique('uc_Nameless_…', [...]) on the entity.",
    );
  });

  it('refuses a read shape that declares nothing, as one does without the Swagger plugin', () => {
    class EmptyDto {}
    expect(() => CrudController(Login, { ...shapes, read: EmptyDto })).toThrow(
      'EmptyDto declares no fields: name its file *.dto.ts',
    );
  });
});
