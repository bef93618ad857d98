import {
  context,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

/** A trace as it travels: the headers of https://www.w3.org/TR/trace-context/ */
export type Trace = Record<string, string>;

/** The running trace; undefined where nothing is traced. */
export function currentTrace(): Trace | undefined {
  const carrier: Trace = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent ? carrier : undefined;
}

/** Goes on with the trace of whoever left a job, while `work` does it. */
export function inTrace<T>(job: string, carrier: Trace | undefined, work: (span: Span) => Promise<T>): Promise<T> {
  const parent = propagation.extract(ROOT_CONTEXT, carrier ?? {});
  const about = { kind: SpanKind.CONSUMER, attributes: { 'job.name': job } };
  return trace.getTracer('jobs').startActiveSpan(`job ${job}`, about, parent, async (span) => {
    try {
      return await work(span);
    } finally {
      span.end();
    }
  });
}

/** Says in a trace why what it traces failed. */
export function traceFailure(span: Span, error: Error): void {
  span.recordException({ name: error.name, stack: error.stack, message: error.message });
  span.setStatus({ code: SpanStatusCode.ERROR });
}

const duration = metrics.getMeter('jobs').createHistogram('jobs.duration', {
  description: 'Tries of jobs.',
  unit: 's',
  advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] },
});

/** Counts a try of a job, and how long it took. */
export function measureJob(job: string, status: string, ms: number): void {
  duration.record(ms / 1_000, { 'job.name': job, 'job.status': status }); // "job" alone is Prometheus' own
}
