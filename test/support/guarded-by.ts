import type { EventLog } from '../../src/application/log/event-log.js';
import { GuardedEventLog } from '../../src/application/log/guarded.event-log.js';
import type { LogWatch } from '../../src/application/log/log-watch.js';

/** The guard before a log of which it is sure whatever happens. */
export const guardedBy = (watch: LogWatch | null, log: EventLog): GuardedEventLog => {
  const matches = () => Promise.resolve();
  const sure = { isSure: true, mustMatch: matches, check: matches, saw: () => undefined, suspect: () => undefined };
  return new GuardedEventLog(log, sure, watch);
};
