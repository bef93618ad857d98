import { once } from 'node:events';
import { AddressInfo, connect, createServer, Server } from 'node:net';

/** A way to Postgres that can swallow what the server says to a COMMIT, as a network does that breaks down just then. */
export class Tunnel {
  private swallowed?: () => void;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async to(target: string): Promise<Tunnel> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = new URL(target);
    const { hostname, port } = url;
    url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const tunnel = new Tunnel(server, url.href);
    server.on('connection', (client) => {
      const postgres = connect(Number(port), hostname);
      for (const [one, other] of [
        [client, postgres],
        [postgres, client],
      ]) {
        one.on('error', () => undefined); // whoever is killed says no goodbye
        one.on('close', () => other.destroy());
      }
      client.pipe(postgres);
      let [rest, isDeaf] = [Buffer.alloc(0), false];
      postgres.on('data', (chunk: Buffer) => {
        rest = Buffer.concat([rest, chunk]);
        for (let end: number; (end = endOfMessage(rest)) <= rest.length; rest = rest.subarray(end)) {
          isDeaf ||= tunnel.swallows(rest.subarray(0, end));
          if (!isDeaf) client.write(rest.subarray(0, end));
        }
      });
    });
    return tunnel;
  }

  /** Whoever commits next hears nothing more of the server; resolves when the server has committed. */
  swallowCommit(): Promise<void> {
    return new Promise((resolve) => (this.swallowed = resolve));
  }

  close(): void {
    this.server.close();
  }

  private swallows(message: Buffer): boolean {
    const isCommit = message.toString('latin1') === 'C\0\0\0\x0bCOMMIT\0'; // CommandComplete, 11 bytes, its tag
    if (!isCommit || !this.swallowed) return false;
    this.swallowed();
    return true;
  }
}

/** Where the first message ends: a byte for its kind, four for its length without that byte. */
const endOfMessage = (bytes: Buffer): number => (bytes.length < 5 ? Infinity : 1 + bytes.readInt32BE(1));
