import type { LoggerService } from '@nestjs/common';
import type { Level, Logger } from 'pino';

/** Who says a line per route and module at every start. */
const CHATTER = ['RouterExplorer', 'RoutesResolver', 'InstanceLoader', 'NestFactory', 'NestApplication'];

/** Nest's own lines, written by our logger: `new Logger('Books').log('…')` names its writer in `context`. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log = (message: unknown, ...rest: unknown[]): void =>
    this.write(CHATTER.includes(rest.at(-1) as string) ? 'debug' : 'info', message, rest);
  warn = (message: unknown, ...rest: unknown[]): void => this.write('warn', message, rest);
  debug = (message: unknown, ...rest: unknown[]): void => this.write('debug', message, rest);
  verbose = (message: unknown, ...rest: unknown[]): void => this.write('trace', message, rest);
  fatal = (message: unknown, ...rest: unknown[]): void => this.write('fatal', message, rest);
  error = (message: unknown, ...rest: unknown[]): void => this.write('error', message, rest);

  /** Nest passes the context last; `error` may pass a stack before it. */
  private write(level: Level, message: unknown, rest: unknown[]): void {
    const context = rest.findLast((value) => typeof value === 'string' && !value.includes('\n'));
    const details = rest.filter((value) => value !== context && value !== undefined);
    const about = message instanceof Error ? { err: message } : details.length ? { details } : {};
    this.logger[level]({ context, ...about }, message instanceof Error ? message.message : String(message));
  }
}
