/** Wires the changes of the read tables to Supabase's clients. */
import { Logger, type INestApplicationContext } from '@nestjs/common';
import { RowChanges } from '../application/live/row-changes.js';
import type { Config } from '../infrastructure/config/config.js';
import { RealtimeServer } from '../interfaces/realtime/realtime-server.js';
import { realtimeLimits } from './limits.js';

export const realtimeServer = (app: INestApplicationContext, config: Config): RealtimeServer => {
  const logger = new Logger('Realtime');
  const onError = (message: string, error: unknown) =>
    logger.error(message, error instanceof Error ? error.stack : String(error));
  return new RealtimeServer(app.get(RowChanges), realtimeLimits(config), onError, config.realtimeApiKey?.reveal());
};
