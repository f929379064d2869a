/** What operators of the read tables need: for an instance with its API, and for the command line without one. */
import type { DataSource } from 'typeorm';
import type { Clock } from '../application/runtime/clock.js';
import { ForeignEvents } from '../application/log/foreign-events.js';
import type { GuardedEventLog } from '../application/log/guarded.event-log.js';
import { type OnError, reasonOf } from '../application/runtime/errors.js';
import type { Ids } from '../application/log/ids.js';
import { ProjectionStatuses } from '../application/projections/admin/projection-status.js';
import { projections } from '../application/projections/index.js';
import { DEFAULT_RUNNER_LIMITS, ProjectionRunner, type RunnerLimits } from '../application/projections/runner.js';
import { DEFAULT_REBUILDER_LIMITS, type RebuilderLimits } from '../application/rebuild/building.js';
import { Rebuilder } from '../application/rebuild/rebuilder.js';
import { Rebuilds } from '../application/rebuild/rebuilds.js';
import { leadNotices } from '../application/runtime/leadership.js';
import type { Config } from '../infrastructure/config/config.js';
import type { OwnTransactions } from '../infrastructure/postgres/live/own-transactions.js';
import { findRunningNode, StoredStreams } from '../infrastructure/embedded-eventstore/index.js';
import { PostgresLiveRows } from '../infrastructure/postgres/projections/postgres-live-rows.js';
import {
  PostgresPoisonOrders,
  PostgresProjectionRecords,
} from '../infrastructure/postgres/projections/postgres-projection-records.js';
import { PostgresProjectionStore } from '../infrastructure/postgres/projections/postgres-projection-store.js';
import {
  DEFAULT_REBUILD_STORE_LIMITS,
  type RebuildStoreLimits,
} from '../infrastructure/postgres/rebuild/postgres-rebuild-session.js';
import { DEFAULT_LEASE_LIMITS } from '../infrastructure/postgres/session/lease.js';
import { PostgresRebuildStore } from '../infrastructure/postgres/rebuild/postgres-rebuild-store.js';
import { connected } from '../infrastructure/postgres/session/pg-client.js';
import { readConfig } from '../infrastructure/config/configuration.js';
import { SystemClock, SystemIds } from '../infrastructure/system/clock-and-ids.js';
import { tellLog } from './feature.js';
import { guardedLog } from './guarded-log.js';
import { startPlatform } from './platform.js';

type ReadTableDependencies = Readonly<{
  config: Config;
  dataSource: DataSource;
  log: GuardedEventLog;
  clock: Clock;
  ids: Ids;
  /** Tells this instance's clients of the rows that it writes; absent where it has none. */
  own?: OwnTransactions;
}>;

/** Nothing runs yet: the caller starts `runner` and `rebuilder`. */
export const readTables = ({ config, dataSource, log, clock, ids, own }: ReadTableDependencies, onError: OnError) => {
  const store = new PostgresProjectionStore(dataSource, DEFAULT_LEASE_LIMITS, own);
  const records = new PostgresProjectionRecords(dataSource);
  const orders = new PostgresPoisonOrders(dataSource);
  const rows = new PostgresLiveRows(dataSource);
  const runner = new ProjectionRunner(
    { store, log, clock, ids, appends: { log, clock: new SystemClock() }, orders },
    projections,
    runnerLimits(config),
    onError,
    leadNotices('writes the read tables', tellLog('Projections')),
  );
  const foreign = new ForeignEvents(tellLog('Projections'));
  const rebuildStore = new PostgresRebuildStore(dataSource, store, clock, rebuildStoreLimits(config));
  const rebuilds = new Rebuilds({ log, clock, store: rebuildStore, foreign }, projections);
  const streams = storedStreams(config, dataSource);
  const ports = { store: rebuildStore, rebuilds, log, streams, clock, ids };
  const rebuilder = new Rebuilder(ports, projections, rebuilderLimits(config), onError);
  const leadsHere = () => runner.status().leading;
  const statuses = new ProjectionStatuses({ log, clock, records, orders, rebuilds, leadsHere }, projections);
  return { store, records, orders, rows, runner, rebuilds, rebuilder, statuses, leadsHere };
};

/** The log in the order of its streams, where it is the node's table in the database of the read tables. */
const storedStreams = ({ eventstoreUrl }: Config, dataSource: DataSource): StoredStreams => {
  const { options } = dataSource;
  const isLog = async () => {
    if (!eventstoreUrl) return true;
    return options.type === 'postgres' && (await findRunningNode(options.url ?? '')) === eventstoreUrl.reveal();
  };
  return new StoredStreams(() => connected(dataSource, 'workflow-executor-rebuild-reads'), isLog);
};

/** What the command line does with the read tables: the same as an instance, without its API and its steps. */
export type ProjectionTools = Awaited<ReturnType<typeof openProjectionTools>>;

const toStderr: OnError = (message, error) => void process.stderr.write(`${message}: ${reasonOf(error)}\n`);

/** Joins the servers of a running application, or starts them. */
export const openProjectionTools = async (onError: OnError = toStderr) => {
  const config = readConfig();
  const [clock, ids] = [new SystemClock(), new SystemIds()];
  const platform = await startPlatform(config, { tell: () => undefined });
  const { dataSource } = platform;
  // What is asked of another log fails with the sentence.
  const { log } = guardedLog(platform, clock, ids, () => undefined);
  const admin = readTables({ config, dataSource, log, clock, ids }, onError);
  let isLeading = false;
  return {
    ...{ admin, log, clock, ids },
    /** Writes and rebuilds the tables, in the place of an application where none runs. */
    lead: () => {
      if (isLeading) return;
      isLeading = true;
      admin.runner.start();
      admin.rebuilder.start();
    },
    close: async () => {
      if (isLeading) await Promise.all([admin.rebuilder.stop(), admin.runner.stop()]);
      await platform.close();
    },
  };
};

/** A transaction takes so many times the events while the tables are behind. */
const CATCH_UP_BATCHES = 4;

const runnerLimits = (config: Config): RunnerLimits => ({
  ...DEFAULT_RUNNER_LIMITS,
  batch: config.projectionBatch,
  catchUpBatch: CATCH_UP_BATCHES * config.projectionBatch,
  buffered: CATCH_UP_BATCHES * config.projectionBatch,
});

/** What is copied into a table that nobody reads costs less for each event, the more there are. */
const COPIED_BATCHES = 4;

const rebuilderLimits = (config: Config): RebuilderLimits => ({
  ...DEFAULT_REBUILDER_LIMITS,
  batch: config.rebuildBatch,
  copied: COPIED_BATCHES * config.rebuildBatch,
  pauseMs: config.rebuildPauseMs,
  foldedBytes: config.rebuildFoldedBytes,
  samples: config.rebuildSamples,
});

const rebuildStoreLimits = (config: Config): RebuildStoreLimits => ({
  ...DEFAULT_REBUILD_STORE_LIMITS,
  lockTimeoutMs: config.rebuildLockTimeoutMs,
});
