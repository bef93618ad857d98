import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import { context, diag, DiagLogLevel } from '@opentelemetry/api';
import { getRPCMetadata, RPCType } from '@opentelemetry/core';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { RuntimeNodeInstrumentation } from '@opentelemetry/instrumentation-runtime-node';
import { type IMetricReader, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import type { FastifyInstance } from 'fastify';
import { listenAs, type Settings } from '@app/config';

/** Telemetry at work. */
export interface Running {
  /** What is worth a line of the log. */
  about: string[];
  /** Sends the rest. */
  stop(): Promise<void>;
}

/**
 * Starts OpenTelemetry's SDK. What the settings do not know it takes from the environment, by the names of
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export async function startSdk(settings: Settings, app: 'api' | 'worker'): Promise<Running> {
  const { otelExporterOtlpEndpoint: collector, metricsPort } = settings;
  const about: string[] = [];
  const metricReaders: IMetricReader[] = [];
  if (collector) {
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector; // where the exporters look, and .env does not reach
    metricReaders.push(new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() }));
    about.push(`Traces and metrics go to ${collector}.`);
  }
  if (metricsPort !== undefined) {
    const prometheus = new PrometheusExporter({ preventServerStart: true });
    metricReaders.push(prometheus);
    about.push(`Metrics on ${await serve(prometheus, settings.host, metricsPort)}`);
  }
  complainToTheLog();
  nameRoutes();
  const sdk = new NodeSDK({
    serviceName: process.env.OTEL_SERVICE_NAME ?? `starter-${app}`,
    ...(!collector && { spanProcessors: [] }),
    logRecordProcessors: [], // the log is what the process writes
    metricReaders,
    instrumentations: [
      new HttpInstrumentation({
        ignoreIncomingRequestHook: ({ url = '' }) => /^\/(health\/|metrics)/.test(url),
        requireParentforOutgoingSpans: true,
      }),
      new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true }),
      new RuntimeNodeInstrumentation(),
    ],
  });
  sdk.start();
  return { about, stop: () => sdk.shutdown() };
}

/** Serves /metrics on a port of its own: what it tells is not for clients. */
async function serve(prometheus: PrometheusExporter, host: string, metricsPort: number): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === '/metrics') prometheus.getMetricsRequestHandler(request, response);
    else response.writeHead(404).end();
  }).unref();
  await listenAs(
    { host, port: metricsPort },
    (port, host) => new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve)),
    'METRICS_PORT',
  );
  const { address, port } = server.address() as AddressInfo;
  return `http://${address}:${port}/metrics`;
}

function complainToTheLog(): void {
  const logger = new Logger('Telemetry');
  const warn = (...words: unknown[]) => logger.warn(words.join(' '));
  const silently = () => undefined;
  const heard = { error: warn, warn, info: silently, debug: silently, verbose: silently };
  diag.setLogger(heard, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

/** Calls a request by its route, /api/v1/books/:id, in traces and metrics: its path would make each its own kind. */
function nameRoutes(): void {
  subscribe('fastify.initialization', (message) => {
    const { fastify } = message as { fastify: FastifyInstance };
    fastify.addHook('onRequest', (request, _reply, done) => {
      const rpc = getRPCMetadata(context.active());
      if (rpc?.type === RPCType.HTTP) rpc.route = request.routeOptions.url;
      done();
    });
  });
}
