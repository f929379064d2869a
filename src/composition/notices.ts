import { Logger } from '@nestjs/common';
import type { Notify } from '../application/runtime/notices.js';

/** Writes notices to the log of that context. */
export const tellLog = (context: string): Notify => {
  const logger = new Logger(context);
  return (level, line) => logger[level](line);
};
