import { trace } from '@opentelemetry/api';
import { DestinationStream, Logger, LoggerOptions, pino } from 'pino';
import { Settings } from '@app/config';
import { currentRequest } from './request-context';

/** Fields whose values no line shows, as deep down as `new Logger('Books').log('…', { headers })` puts them. */
const SECRET = [
  'password',
  'currentPassword',
  'newPassword',
  'token',
  'accessToken',
  'refreshToken',
  'secret',
  'authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
];
const PRETTY = { target: 'pino-pretty', options: { translateTime: 'HH:MM:ss.l', ignore: 'requestId' } };

/**
 * The logger of this process: JSON lines for machines or coloured ones for people, each with the id of its request.
 * They go to `destination`, as JSON, or else to the standard output.
 */
export function createLogger(settings: Settings, destination?: DestinationStream): Logger {
  const pretty = (settings.logFormat ?? (settings.nodeEnv === 'development' ? 'pretty' : 'json')) === 'pretty';
  const options: LoggerOptions = {
    level: settings.logLevel,
    base: undefined, // pid and host name: the container's runtime knows them
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // A copy: pino writes the line's own fields into it.
    mixin: () => ({ ...currentRequest(), traceId: trace.getActiveSpan()?.spanContext().traceId }),
    serializers: { err: withoutValues },
    redact: SECRET.flatMap((name) => ['', '*', '*.*', '*.*.*'].map((above) => `${above}["${name}"]`)),
  };
  if (destination) return pino(options, destination);
  return pino({ ...options, transport: pretty ? PRETTY : undefined });
}

/** An error without what a driver hangs on it: the statement, and its parameters, which are people's data. */
function withoutValues(error: Error): object {
  const { type, message, stack, code } = pino.stdSerializers.err(error) as {
    type: string;
    message: string;
    stack: string;
    code?: string;
  };
  return { type, message, stack, code };
}
