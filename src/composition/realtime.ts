/** Wires the changes of the read tables to Supabase's clients. */
import type { Duplex } from 'node:stream';
import type { INestApplicationContext } from '@nestjs/common';
import { RowChanges } from '../application/live/row-changes.js';
import type { Config } from '../infrastructure/config/config.js';
import { upgradeLog } from '../interfaces/http/server/access-log.js';
import type { Door } from '../interfaces/http/configure-http.js';
import { RealtimeServer } from '../interfaces/realtime/realtime-server.js';
import { realtimeLimits } from './limits.js';
import { logErrors } from './log-errors.js';

export const realtimeServer = (app: INestApplicationContext, config: Config, door: Door): RealtimeServer => {
  const { connections } = door;
  const admission = {
    ...door,
    apiKey: config.realtimeApiKey?.reveal(),
    ...(connections && {
      overLimit: (socket: Duplex) => (connections.isAdmitted(socket) ? undefined : connections.message),
    }),
  };
  const [changes, noted] = [app.get(RowChanges), upgradeLog(config.accessLog)];
  return new RealtimeServer(changes, realtimeLimits(config), logErrors('Realtime'), admission, noted);
};
