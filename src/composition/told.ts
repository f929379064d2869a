import { Logger } from '@nestjs/common';

/** Writes what went wrong, and goes on, to the log of that context. */
export const told = (context: string) => {
  const logger = new Logger(context);
  return (message: string, error: unknown) =>
    logger.error(message, error instanceof Error ? error.stack : String(error));
};
