import { Logger } from '@nestjs/common';
import { LogUnavailable } from '../application/log/event-log.js';

/** Writes what went wrong, and goes on, to the log of that context. That the event log is away has no fault of ours to trace. */
export const logErrors = (context: string) => {
  const logger = new Logger(context);
  return (message: string, error: unknown) => {
    if (error instanceof LogUnavailable) logger.warn(`${message}: ${error.message}`);
    else logger.error(message, error instanceof Error ? error.stack : String(error));
  };
};
