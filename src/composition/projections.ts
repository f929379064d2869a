/** The read tables: what writes them, compares them with the log, rebuilds them, and shows operators how they are. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { LogUnavailable } from '../application/log/event-log.js';
import type { OnError } from '../application/runtime/errors.js';
import { PoisonOrders, ProjectionRecords } from '../application/projections/admin/projection-records.js';
import { ProjectionStatuses } from '../application/projections/admin/projection-status.js';
import { DEFAULT_DRIFT_LIMITS, DriftWatch } from '../application/projections/drift/drift-watch.js';
import type { Checked } from '../application/projections/drift/check-execution.js';
import { projections as tables } from '../application/projections/index.js';
import { ProjectionStore } from '../application/projections/projection-store.js';
import { ProjectionRunner } from '../application/projections/runner.js';
import { Rebuilder } from '../application/rebuild/rebuilder.js';
import { Rebuilds } from '../application/rebuild/rebuilds.js';
import { every } from '../application/runtime/clock.js';
import { REBUILD_POOL } from '../infrastructure/config/connections.js';
import { observeProjections } from '../infrastructure/metrics/prometheus-metrics.js';
import type { OwnTransactions } from '../infrastructure/postgres/live/own-transactions.js';
import { readyUnlessAway } from '../infrastructure/postgres/session/pg-client.js';
import { type Dependencies, type Feature, logErrors } from './feature.js';
import { projectionHandlers } from './handlers.js';
import { readTables } from './read-tables.js';

/** Between two reads of the positions, from which the status calculates its rates. */
const SAMPLE_EVERY_MS = 5_000;

export const projections = (dependencies: Dependencies, own: OwnTransactions): Feature => {
  const { config, dataSource, log, clock, metrics, outages } = dependencies;
  const onError = logErrors('Projections', outages);
  const { store, runner, records, orders, rows, rebuilds, rebuilder, statuses, leadsHere } = readTables(
    { ...dependencies, own },
    onError,
  );
  const limits = { ...DEFAULT_DRIFT_LIMITS, everyMs: config.driftCheckIntervalMs };
  const reports = { leadsHere, onDifference: logDifference, onError };
  const drift = new DriftWatch({ log, rows, records, clock }, tables, reports, limits);
  observeProjections(
    metrics,
    () => statuses.look(null, 0),
    () => drift.status(),
  );
  const ending = new AbortController();
  let sampling: Promise<void> = Promise.resolve();
  return {
    providers: [
      { provide: ProjectionStore, useValue: store },
      { provide: ProjectionRunner, useValue: runner },
      { provide: ProjectionRecords, useValue: readyUnlessAway(records) },
      { provide: PoisonOrders, useValue: readyUnlessAway(orders) },
      { provide: Rebuilds, useValue: readyUnlessAway(rebuilds) },
      { provide: Rebuilder, useValue: rebuilder },
      { provide: ProjectionStatuses, useValue: readyUnlessAway(statuses) },
      { provide: DriftWatch, useValue: drift },
      ...projectionHandlers,
    ],
    start: () => {
      runner.start();
      rebuilder.start(rebuildThread(dataSource, onError));
      drift.start();
      const sample = async () => void (await statuses.sample());
      const failed = (error: unknown) => onError('The positions of the read tables cannot be read', error);
      sampling = every(clock, SAMPLE_EVERY_MS, ending.signal, sample, failed);
    },
    stop: async () => {
      ending.abort();
      await Promise.all([rebuilder.stop(), drift.stop(), sampling]);
      await runner.stop();
    },
  };
};

const driftLogger = new Logger('Drift');
const logDifference = ({ projection, executionId, position, differences }: Checked): void => {
  const [first] = differences;
  const where = first
    ? `${first.kind} ${JSON.stringify(first.key)} ${first.columns.map(({ column }) => column).join(', ')}`
    : '';
  driftLogger.error(
    `${projection}: the rows of execution ${executionId} are not those of its events as of ${position} ` +
      `(${differences.length} differences; ${where.trim()}). Look with: npm run projections -- verify ${projection}`,
  );
};

/** An error after which the thread continues, with what is known by in this thread too. */
export type FromRebuildThread = Readonly<{
  message: string;
  reason: string;
  stack: string | undefined;
  code: string | undefined;
  isOfTheLog: boolean;
}>;

const errorOf = ({ reason, stack, code, isOfTheLog }: FromRebuildThread): Error =>
  isOfTheLog ? new LogUnavailable(reason) : Object.assign(new Error(reason), { code }, stack && { stack });

/** For a transaction that is under way when the application ends; then the thread is cut off, and the next start continues. */
const STOP_MS = 8_000;
const ENTRY = new URL('./rebuild-thread.js', import.meta.url);

/**
 * Rebuilds take the processor for minutes: in a thread of their own they keep no request waiting.
 * Carries out the orders for rebuilds, and resolves when the thread has ended. The thread reads the settings as this process
 * does, but for the database, which this process may have started itself.
 * @returns undefined where the sources run without having been built (tests): there is no file for a thread to load
 */
const rebuildThread = (
  { options }: DataSource,
  onError: OnError,
): ((signal: AbortSignal) => Promise<void>) | undefined => {
  if (!existsSync(fileURLToPath(ENTRY)) || options.type !== 'postgres' || !options.url) return undefined;
  const env = { ...process.env, DATABASE_URL: options.url, DATABASE_POOL_SIZE: String(REBUILD_POOL) };
  return (signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return resolve();
      const worker = new Worker(ENTRY, { env, name: 'rebuild' });
      let cutOff: NodeJS.Timeout | undefined;
      const stop = () => {
        worker.postMessage('stop');
        cutOff = setTimeout(() => void worker.terminate(), STOP_MS);
      };
      signal.addEventListener('abort', stop, { once: true });
      worker.on('message', (failure: FromRebuildThread) => onError(failure.message, errorOf(failure)));
      worker.once('error', reject);
      worker.once('exit', (code) => {
        clearTimeout(cutOff);
        signal.removeEventListener('abort', stop);
        if (code === 0 || signal.aborted) resolve();
        else reject(new Error(`The thread of the rebuild ended with code ${code}`));
      });
    });
};
