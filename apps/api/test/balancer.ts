import { once } from 'node:events';
import { Agent, createServer, IncomingMessage, request, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const ASKS_EVERY_MS = 100;

/** What stands before several APIs: it sends each request to one that says it is ready, in turn, and never a second time. */
export class Balancer {
  private readonly agent = new Agent({ keepAlive: true });
  private readonly server: Server = createServer((incoming, answer) => this.pass(incoming, answer));
  private readonly members = new Map<string, { isReady: boolean }>();
  private turn = 0;

  static async start(): Promise<Balancer> {
    const balancer = new Balancer();
    balancer.server.listen(0, '127.0.0.1');
    await once(balancer.server, 'listening');
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Begins to ask a process whether it is ready; resolves when that is so. */
  async admit(url: string): Promise<void> {
    const member = { isReady: await isReady(url) };
    this.members.set(url, member);
    void this.ask(url, member);
    while (!member.isReady) await wait(ASKS_EVERY_MS);
  }

  /** Asks no more. */
  dismiss(url: string): void {
    this.members.delete(url);
  }

  async stop(): Promise<void> {
    this.members.clear();
    this.agent.destroy();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async ask(url: string, member: { isReady: boolean }): Promise<void> {
    while (this.members.get(url) === member) {
      member.isReady = await isReady(url);
      await wait(ASKS_EVERY_MS);
    }
  }

  private pass(incoming: IncomingMessage, answer: ServerResponse): void {
    const ready = [...this.members].filter(([, { isReady }]) => isReady);
    const [url] = ready[this.turn++ % ready.length] ?? [];
    const fail = () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end());
    if (!url) return void fail();
    const { method, headers, url: path } = incoming;
    const outgoing = request(`${url}${path}`, { method, headers, agent: this.agent }, (response) => {
      answer.writeHead(response.statusCode!, response.headers);
      response.on('error', fail).pipe(answer);
    });
    incoming.pipe(outgoing.on('error', fail));
  }
}

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/health/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
