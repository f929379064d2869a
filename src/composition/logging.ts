/** How an instance writes its log. */
import { ConsoleLogger, Logger } from '@nestjs/common';
import { LogUnavailable } from '../application/log/event-log.js';
import type { Notify, OnError } from '../application/runtime/errors.js';

/** What the framework logs at each start of each route and module: nothing that an operator could act on. */
const OF_THE_FRAMEWORK: ReadonlySet<unknown> = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** Writes messages of the framework at the level of details. */
export class ApplicationLogger extends ConsoleLogger {
  override log(message: unknown, ...rest: unknown[]): void {
    if (OF_THE_FRAMEWORK.has(rest.at(-1))) super.verbose(message, ...(rest as [string]));
    else super.log(message, ...(rest as [string]));
  }
}

/** Writes errors after which the caller continues to the log of that context. That the event log is away has no stack worth a look. */
export const logErrors = (context: string): OnError => {
  const logger = new Logger(context);
  return (message, error) => {
    if (error instanceof LogUnavailable) logger.warn(`${message}: ${error.message}`);
    else logger.error(message, error instanceof Error ? error.stack : String(error));
  };
};

/** Writes notices to the log of that context. */
export const tellLog = (context: string): Notify => {
  const logger = new Logger(context);
  return (level, line) => logger[level](line);
};
