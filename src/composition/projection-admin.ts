import type { OnError } from '../application/runtime/errors.js';
/** What operators of the read tables need: for an instance with its API, and for the command line without one. */
import type { DataSource } from 'typeorm';
import type { Clock } from '../application/runtime/clock.js';
import type { EventLog } from '../application/log/event-log.js';
import type { Ids } from '../application/log/ids.js';
import { ProjectionStatuses } from '../application/projections/admin/projection-status.js';
import { projections } from '../application/projections/index.js';
import { ProjectionRunner } from '../application/projections/runner.js';
import { Rebuilder } from '../application/rebuild/rebuilder.js';
import { Rebuilds } from '../application/rebuild/rebuilds.js';
import { leadNotices } from '../application/runtime/notices.js';
import type { Config } from '../infrastructure/config/config.js';
import { PostgresLiveRows } from '../infrastructure/postgres/projections/postgres-live-rows.js';
import { PostgresPoisonOrders } from '../infrastructure/postgres/projections/postgres-poison-orders.js';
import { PostgresProjectionRecords } from '../infrastructure/postgres/projections/postgres-projection-records.js';
import { PostgresProjectionStore } from '../infrastructure/postgres/projections/postgres-projection-store.js';
import { PostgresRebuildStore } from '../infrastructure/postgres/rebuild/postgres-rebuild-store.js';
import { rebuilderLimits, rebuildStoreLimits, runnerLimits } from './limits.js';
import { tellLog } from './notices.js';

type Means = Readonly<{ config: Config; dataSource: DataSource; log: EventLog; clock: Clock; ids: Ids }>;
export type ProjectionAdmin = ReturnType<typeof projectionAdmin>;

/** Nothing runs yet: `runner` and `rebuilder` are started by whoever is ready for them. */
export const projectionAdmin = ({ config, dataSource, log, clock, ids }: Means, onError: OnError) => {
  const store = new PostgresProjectionStore(dataSource);
  const records = new PostgresProjectionRecords(dataSource);
  const orders = new PostgresPoisonOrders(dataSource);
  const rows = new PostgresLiveRows(dataSource);
  const runner = new ProjectionRunner(
    { store, log, clock, ids, orders },
    projections,
    runnerLimits(config),
    onError,
    leadNotices('writes the read tables', tellLog('Projections')),
  );
  const rebuildStore = new PostgresRebuildStore(dataSource, store, clock, rebuildStoreLimits(config));
  const rebuilds = new Rebuilds({ log, clock, store: rebuildStore }, projections);
  const ports = { store: rebuildStore, rebuilds, log, clock, ids };
  const rebuilder = new Rebuilder(ports, projections, rebuilderLimits(config), onError);
  const leadsHere = () => runner.status().leading;
  const statuses = new ProjectionStatuses({ log, clock, records, orders, rebuilds, leadsHere }, projections);
  return { store, records, orders, rows, runner, rebuilds, rebuilder, statuses, leadsHere };
};
