import { Gauge, type Registry } from 'prom-client';
import type { ProjectionStatus } from '../../application/projections/admin/projection-status.js';
import type { DriftCounts } from '../../application/projections/drift/drift-watch.js';
import type { RebuildPhase } from '../../domain/projection/rebuild.js';
import { PREFIX, type PrometheusMetrics } from './prometheus-metrics.js';

const PHASES: readonly RebuildPhase[] = [
  ...(['building', 'refused', 'accepted', 'swapped', 'rolling_back', 'rolled_back', 'abandoned'] as const),
];

type Shown = Pick<ProjectionStatus, 'record' | 'lag' | 'counts' | 'leader'>;

const OF_EACH: Readonly<Record<string, readonly [help: string, value: (status: Shown) => number]>> = {
  projection_position: [
    'Position of the log that the table has reached',
    ({ record }) => Number(record?.position ?? 0),
  ],
  projection_lag_events: ['Events that the table does not hold yet; estimated above 256', ({ lag }) => lag.events],
  projection_lag_seconds: ['Age of the oldest event that the table does not hold yet', ({ lag }) => lag.seconds],
  projection_poisoned_executions: [
    'Executions held back by an event that cannot be applied',
    ({ counts }) => counts.poisoned,
  ],
  projection_skipped_events: ['Events that operators had passed over', ({ counts }) => counts.skipped],
  projection_drifted_executions: [
    'Executions whose rows are known not to be those of their events',
    ({ counts }) => counts.drifted,
  ],
  projection_leading: ['1 where this instance writes the table', ({ leader }) => (leader === 'here' ? 1 : 0)],
};

/** Asks at each answer. Where nothing can be said, nothing is: a number of before would look like one of now. */
export const observeProjections = (
  metrics: PrometheusMetrics,
  look: () => Promise<readonly ProjectionStatus[]>,
  drift: () => DriftCounts,
): void => {
  const { registry } = metrics;
  const labelNames = ['projection'];
  const gauges = Object.entries(OF_EACH).map(([name, [help, value]]) => {
    const gauge = new Gauge({ name: PREFIX + name, help, labelNames, registers: [registry] });
    return { gauge, value };
  });
  const phases = new Gauge({
    name: `${PREFIX}projection_rebuild_phase`,
    help: '1 for the phase of the latest rebuild; all 0 where there was none',
    labelNames: ['projection', 'phase'],
    registers: [registry],
  });
  const headName = `${PREFIX}log_head_position`;
  const head = new Gauge({ name: headName, help: 'Position of the last event of the log', registers: [registry] });
  observeDrift(registry, drift);
  metrics.beforeExposing(async () => {
    const all = await look().catch(() => []);
    for (const gauge of [...gauges.map((each) => each.gauge), phases]) gauge.reset();
    head.remove();
    for (const { projection, rebuild, head: end, ...status } of all) {
      for (const { gauge, value } of gauges) gauge.set({ projection }, value(status));
      for (const phase of PHASES) phases.set({ projection, phase }, rebuild.rebuild?.phase === phase ? 1 : 0);
      head.set(end === 'start' ? 0 : Number(end));
    }
  });
};

const observeDrift = (registry: Registry, drift: () => DriftCounts): void => {
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: `${PREFIX}drift_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  gauge(
    'checked_executions',
    'Executions whose rows this process has compared with their events',
    () => drift().checked,
  );
  gauge('differing_executions', 'Those of them whose rows differed', () => drift().differing);
  gauge(
    'last_check_timestamp_seconds',
    'When the last one was compared; 0: none',
    () => +(drift().lastAt ?? 0) / 1_000,
  );
};
