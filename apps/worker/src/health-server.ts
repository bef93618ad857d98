import { createServer, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Injectable, Logger, OnApplicationShutdown } from '@nestjs/common';
import { listenAs, Settings } from '@app/config';
import { Worker } from '@app/jobs';
import { Readiness } from '@app/tenancy';

/** Answers whether this worker lives and works, at the paths of the API, for whoever watches over it. */
@Injectable()
export class HealthServer implements OnApplicationShutdown {
  private readonly server = createServer((request, response) => void this.answer(request.url, response));

  constructor(
    private readonly settings: Settings,
    private readonly readiness: Readiness,
    private readonly worker: Worker,
  ) {}

  async listen(): Promise<void> {
    await listenAs(
      this.settings,
      (port, host) =>
        new Promise<void>((resolve, reject) => this.server.once('error', reject).listen(port, host, resolve)),
    );
    const { address, port } = this.server.address() as AddressInfo;
    new Logger('Worker').log(`Healthy on http://${address}:${port}/health/ready`);
  }

  onApplicationShutdown(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async answer(url: string | undefined, response: ServerResponse): Promise<void> {
    const [status, body] = await this.look(url);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  private async look(url: string | undefined): Promise<[status: number, body: object]> {
    if (url === '/health/live') return [200, { status: 'live' }];
    if (url !== '/health/ready') return [404, { status: 'not found' }];
    const obstacle = this.worker.works
      ? await this.readiness.obstacle().catch(() => 'The database does not answer.')
      : 'This worker is stopping.';
    return obstacle ? [503, { status: 'not ready', detail: obstacle }] : [200, { status: 'ready' }];
  }
}
