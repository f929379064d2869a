import type { OnError } from '../application/runtime/errors.js';
/** Wires what operators use: the state of the read tables, orders and rebuilds, the slow comparison, and the metrics. */
import { Logger, type Provider } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { type Clock, every } from '../application/runtime/clock.js';
import type { EventLog } from '../application/log/event-log.js';
import { Metrics } from '../application/runtime/metrics.js';
import { projectionHandlers } from './handlers.js';
import { PoisonOrders } from '../application/projections/admin/poison-orders.js';
import { ProjectionRecords } from '../application/projections/admin/projection-records.js';
import { ProjectionStatuses } from '../application/projections/admin/projection-status.js';
import { DEFAULT_DRIFT_LIMITS, DriftWatch } from '../application/projections/drift/drift-watch.js';
import type { Checked } from '../application/projections/drift/check-execution.js';
import { projections } from '../application/projections/index.js';
import { Rebuilder } from '../application/rebuild/rebuilder.js';
import { Rebuilds } from '../application/rebuild/rebuilds.js';
import type { Config } from '../infrastructure/config/config.js';
import { PrometheusMetrics, observeProjections } from '../infrastructure/metrics/prometheus-metrics.js';
import { readyUnlessAway } from '../infrastructure/postgres/session/pg-client.js';
import type { ProjectionAdmin } from './projection-admin.js';
import { rebuildThread } from './rebuild-in-thread.js';

type Parts = Readonly<{
  config: Config;
  dataSource: DataSource;
  log: EventLog;
  clock: Clock;
  metrics: PrometheusMetrics;
}>;

/** Between two looks at the positions, of which the rate that is shown is made. */
const SAMPLE_EVERY_MS = 5_000;

export const adminProviders = (parts: Parts, admin: ProjectionAdmin, onError: OnError): Provider[] => {
  const { config, dataSource, log, clock, metrics } = parts;
  const { records, rows, rebuilds, rebuilder, statuses, leadsHere } = admin;
  const limits = { ...DEFAULT_DRIFT_LIMITS, everyMs: config.driftCheckIntervalMs };
  const told = { leadsHere, onDifference: tellDifference, onError };
  const drift = new DriftWatch({ log, rows, records, clock }, projections, told, limits);
  observeProjections(
    metrics,
    () => statuses.look(null, 0),
    () => drift.status(),
  );
  return [
    { provide: Metrics, useValue: metrics },
    { provide: ProjectionRecords, useValue: readyUnlessAway(records) },
    { provide: PoisonOrders, useValue: readyUnlessAway(admin.orders) },
    { provide: Rebuilds, useValue: readyUnlessAway(rebuilds) },
    { provide: Rebuilder, useValue: rebuilder },
    { provide: ProjectionStatuses, useValue: readyUnlessAway(statuses) },
    { provide: DriftWatch, useValue: drift },
    { provide: AdminLoops, useValue: new AdminLoops(admin, drift, clock, onError, rebuildThread(dataSource, onError)) },
    ...projectionHandlers,
  ];
};

/** What runs beside the projections, on each instance. */
export class AdminLoops {
  private readonly ending = new AbortController();
  private sampling: Promise<void> = Promise.resolve();

  constructor(
    private readonly admin: ProjectionAdmin,
    private readonly drift: DriftWatch,
    private readonly clock: Clock,
    private readonly onError: OnError,
    private readonly rebuild?: (signal: AbortSignal) => Promise<void>,
  ) {}

  start(): void {
    this.admin.rebuilder.start(this.rebuild);
    this.drift.start();
    const sample = async () => void (await this.admin.statuses.sample());
    const failed = (error: unknown) => this.onError('The positions of the read tables cannot be read', error);
    this.sampling = every(this.clock, SAMPLE_EVERY_MS, this.ending.signal, sample, failed);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await Promise.all([this.admin.rebuilder.stop(), this.drift.stop(), this.sampling]);
  }
}

const driftLogger = new Logger('Drift');
const tellDifference = ({ projection, executionId, position, differences }: Checked): void => {
  const [first] = differences;
  const where = first
    ? `${first.kind} ${JSON.stringify(first.key)} ${first.columns.map(({ column }) => column).join(', ')}`
    : '';
  driftLogger.error(
    `${projection}: the rows of execution ${executionId} are not those of its events as of ${position} ` +
      `(${differences.length} differences; ${where.trim()}). Look with: npm run projections -- verify ${projection}`,
  );
};
