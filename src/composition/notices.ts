import { Logger } from '@nestjs/common';
import type { Tell } from '../application/workflow/notices.js';

/** Writes notices to the log of that context. */
export const tellLog = (context: string): Tell => {
  const logger = new Logger(context);
  return (level, line) => logger[level](line);
};
