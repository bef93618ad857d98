import { BeforeApplicationShutdown, Injectable, Logger, OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Settings } from '@app/config';

const LAST_WORD_MS = 5_000; // for what a cut connection leaves to tidy up

/** Lets a stopping process finish the requests it has, for SHUTDOWN_GRACE_SECONDS, and then no longer. */
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
    // Browsers connect in advance. Node takes who never asked for someone about to, and waits a minute or more.
    for (const socket of this.sockets) if (!socket.bytesRead) socket.destroy();
  }

  beforeApplicationShutdown(signal?: string): void {
    if (!signal) return; // closed by a test or a script, which can wait
    this.logger.log(`Draining after ${signal}.`);
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
