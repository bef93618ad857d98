import { Controller, Get, Global, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { AccessModule } from './access.module';
import { Authenticator } from './principal';
import { Public, Require } from './route-access';

/** Starts an application that serves `controllers`. */
async function boot(...controllers: (new () => object)[]): Promise<void> {
  @Global()
  @Module({ providers: [{ provide: Authenticator, useValue: {} }], exports: [Authenticator] })
  class Auth {}
  @Module({ imports: [AccessModule, Auth], controllers })
  class App {}
  const options = { logger: false, abortOnError: false } as const;
  const app = await NestFactory.create<NestFastifyApplication>(App, new FastifyAdapter(), options);
  try {
    await app.init();
  } finally {
    await app.close();
  }
}

describe('AccessModule', () => {
  it('starts when every route says who may call it, by itself or by its controller', async () => {
    @Controller('open')
    @Public()
    class Open {
      @Get() read(): void {}
    }
    @Controller('mixed')
    class Mixed {
      @Get() @Require(':read') read(): void {}
      @Post() @Public() write(): void {}
      notARoute(): void {}
    }
    await expect(boot(Open, Mixed)).resolves.toBeUndefined();
  });

  it('does not start with a route that does not, and names each', async () => {
    @Controller('silent')
    class Silent {
      @Get() read(): void {}
      @Post() @Require(':write') write(): void {}
      @Get('more') more(): void {}
    }
    await expect(boot(Silent)).rejects.toThrow(
      "Nothing says who may call Silent.read, Silent.more: put @Require('…:read'), with the permission it asks for, or @Public() above it.",
    );
  });

  it('does not start with an override that forgot to say so again', async () => {
    class Base {
      @Get() @Require(':read') read(): void {}
    }
    @Controller('child')
    class Child extends Base {
      @Get() override read(): void {}
    }
    await expect(boot(Child)).rejects.toThrow('Nothing says who may call Child.read');
  });
});
