import { BeforeApplicationShutdown, Injectable, Logger, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Settings } from '@app/config';

const LAST_WORD_MS = 5_000; // for what a cut connection leaves to tidy up

/**
 * Lets a stopping process end without a request that fails: for SHUTDOWN_DELAY_SECONDS it only says that it is not ready,
 * and then it finishes the requests it has, for SHUTDOWN_GRACE_SECONDS and no longer.
 */
@Injectable()
export class Drain implements OnModuleInit, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('Drain');
  private readonly sockets = new Set<Socket>();
  isDraining = false;

  constructor(
    private readonly adapter: HttpAdapterHost,
    private readonly settings: Settings,
  ) {}

  /** A connection kept alive would outlive its last answer, and with it the server. */
  onModuleInit(): void {
    (this.adapter.httpAdapter.getHttpServer() as Server).on('connection', (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    (this.adapter.httpAdapter.getInstance() as FastifyInstance).addHook('onSend', (_request, reply, _payload, done) => {
      if (this.isDraining) reply.header('Connection', 'close');
      done();
    });
  }

  onModuleDestroy(): void {
    this.isDraining = true;
  }

  async beforeApplicationShutdown(signal?: string): Promise<void> {
    if (signal) await this.drain(signal); // else closed by a test or a script, which can wait
    // Browsers connect in advance. Node takes who never asked for someone about to, and waits a minute or more.
    for (const socket of this.sockets) if (!socket.bytesRead) socket.destroy();
  }

  private async drain(signal: string): Promise<void> {
    this.logger.log(`Draining after ${signal}.`);
    await wait(this.settings.shutdownDelaySeconds * 1_000); // in which balancers learn of it, and send no more
    const server = this.adapter.httpAdapter.getHttpServer() as Server;
    const grace = this.settings.shutdownGraceSeconds * 1_000;
    setTimeout(() => {
      this.logger.warn(
        `Requests still ran ${this.settings.shutdownGraceSeconds} s after ${signal}: their connections are cut.`,
      );
      server.closeAllConnections();
    }, grace).unref();
    setTimeout(() => process.exit(1), grace + LAST_WORD_MS).unref();
  }
}
