import { once } from 'node:events';
import { createServer, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A part of a trace, as OTLP says it: https://opentelemetry.io/docs/specs/otlp/ */
export interface SentSpan {
  app: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes: Record<string, unknown>;
  status: { code?: number };
}

/** Takes in what processes tell by OTLP, in place of a real collector. */
export class Collector {
  readonly spans: SentSpan[] = [];
  /** How many requests came, by path. */
  readonly requests = new Map<string, number>();
  private readonly server: Server;
  private readonly waiting = new Set<() => void>();

  private constructor() {
    this.server = createServer((request, response) => void this.takeIn(request, response));
  }

  static async start(): Promise<Collector> {
    const collector = new Collector();
    collector.server.listen(0, '127.0.0.1');
    await once(collector.server, 'listening');
    return collector;
  }

  /** What processes must be told to tell it everything at once, and as JSON. */
  get env(): NodeJS.ProcessEnv {
    const { port } = this.server.address() as AddressInfo;
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '50', // ms
    };
  }

  /** The first span that `isIt` knows, once it has come. */
  async span(isIt: (span: SentSpan) => boolean): Promise<SentSpan> {
    for (;;) {
      const found = this.spans.find(isIt);
      if (found) return found;
      await new Promise<void>((resolve) => this.waiting.add(resolve));
      this.waiting.clear();
    }
  }

  private async takeIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.set(request.url!, (this.requests.get(request.url!) ?? 0) + 1);
    if (request.url === '/v1/traces') this.spans.push(...spansOf((await json(request)) as Traces));
    else request.resume();
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    for (const wake of this.waiting) wake();
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}
interface Traces {
  resourceSpans: {
    resource: { attributes: Attribute[] };
    scopeSpans: { spans: (Omit<SentSpan, 'attributes'> & { attributes: Attribute[] })[] }[];
  }[];
}

const spansOf = ({ resourceSpans }: Traces): SentSpan[] =>
  resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const app = String(valuesOf(resource.attributes)['service.name']);
    return scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({ ...span, app, attributes: valuesOf(span.attributes) })),
    );
  });

const valuesOf = (attributes: Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
