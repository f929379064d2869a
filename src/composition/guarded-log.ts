/** The log behind its guard, for all that writes to the tables or to the log. */
import type { DataSource } from 'typeorm';
import type { EventLog } from '../application/log/event-log.js';
import { GuardedEventLog } from '../application/log/guarded.event-log.js';
import type { Ids } from '../application/log/ids.js';
import { LogIdentity } from '../application/log/log-identity.js';
import type { LogWatch } from '../application/log/log-watch.js';
import type { Clock } from '../application/runtime/clock.js';
import type { Notify } from '../application/runtime/errors.js';
import { PostgresLogMemory } from '../infrastructure/postgres/log/postgres-log-memory.js';

type Under = Readonly<{ dataSource: DataSource; log: EventLog }>;

/**
 * @param notify gets the one line that says that this is another log, and the one that says that it no longer is
 * @param watch for a program that reports its readiness
 */
export const guardedLog = ({ dataSource, log }: Under, clock: Clock, ids: Ids, notify: Notify, watch?: LogWatch) => {
  const memory = new PostgresLogMemory(dataSource);
  const logIdentity = new LogIdentity({ log, memory, clock, ids, notify });
  return { log: new GuardedEventLog(log, logIdentity, watch), unguardedLog: log, logIdentity };
};
