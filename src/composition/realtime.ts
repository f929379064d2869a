/** Wires the changes of the read tables to Supabase's clients. */
import type { INestApplicationContext } from '@nestjs/common';
import { RowChanges } from '../application/live/row-changes.js';
import type { Config } from '../infrastructure/config/config.js';
import { RealtimeServer } from '../interfaces/realtime/realtime-server.js';
import { doorOf } from './hosts.js';
import { realtimeLimits } from './limits.js';
import { told } from './told.js';

export const realtimeServer = (app: INestApplicationContext, config: Config): RealtimeServer => {
  const admission = { ...doorOf(config), apiKey: config.realtimeApiKey?.reveal() };
  return new RealtimeServer(app.get(RowChanges), realtimeLimits(config), told('Realtime'), admission);
};
