/** What counts as an outage of what, and where an instance writes of it. */
import { AppendRefused, isLogAway, SubscriptionDropped } from '../application/log/event-log.js';
import type { Clock } from '../application/runtime/clock.js';
import { NotReady, type Notify } from '../application/runtime/errors.js';
import { OutageLog, Outages } from '../application/runtime/outage-log.js';
import { isConnectionLoss } from '../infrastructure/postgres/session/pg-client.js';

export type OutageLogs = Readonly<{
  all: Outages;
  /** The log took an append. */
  logWorks: () => void;
  /** The database took a write. */
  databaseWorks: () => void;
}>;

export const outageLogs = (clock: Clock, notify: Notify): OutageLogs => {
  const [log, reads, database] = ['The event log', 'Reading the event log fast enough', 'The database'].map(
    (what) => new OutageLog(what, clock, notify),
  ) as [OutageLog, OutageLog, OutageLog];
  return {
    all: new Outages([
      { is: (error) => error instanceof SubscriptionDropped, log: reads },
      { is: isOfTheLog, log },
      { is: isOfTheDatabase, log: database },
    ]),
    logWorks: () => {
      log.works();
      reads.works();
    },
    databaseWorks: () => database.works(),
  };
};

/** Rights that are missing fail everywhere at once, as a server that is away does. */
const isOfTheLog = (error: unknown): boolean =>
  isLogAway(error) || (error instanceof AppendRefused && error.reason === 'denied');

const isOfTheDatabase = (error: unknown): boolean =>
  isConnectionLoss((error instanceof NotReady ? error.cause : error) ?? {});
