import { AddressInfo, connect, createServer, Server } from 'node:net';
import { Database } from '@app/database';

/** A way to the database on which the connection breaks after some messages, as if the process had been killed. */
export class CuttingProxy {
  private left = 0;
  private readonly server: Server;

  private constructor(private readonly url: URL) {
    this.server = createServer((near) => {
      const far = connect(Number(url.port || 5432), url.hostname);
      const cut = () => [near, far].forEach((socket) => socket.destroy());
      near
        .on('data', (data) => (this.left-- > 0 ? far.write(data) : cut()))
        .on('error', cut)
        .on('close', cut);
      far
        .on('data', (data) => near.write(data))
        .on('error', cut)
        .on('close', cut);
    });
  }

  static async open(database: Database): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(new URL(database.adminUrl));
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** `database` over this way, on which `messages` still pass. */
  after(messages: number, database: Database): Database {
    this.left = messages;
    const url = new URL(this.url);
    [url.hostname, url.port] = ['127.0.0.1', String((this.server.address() as AddressInfo).port)];
    return { ...database, adminUrl: url.href };
  }

  close(): Promise<unknown> {
    return new Promise((resolve) => this.server.close(resolve));
  }
}
