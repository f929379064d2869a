import { Counter, Histogram, Registry, collectDefaultMetrics, Gauge } from 'prom-client';
import { Metrics } from '../../application/runtime/metrics.js';
import type { VitalName, VitalSign } from '../../application/log/vital-signs.js';
import type { ProjectionStatus } from '../../application/projections/admin/projection-status.js';
import type { DriftCounts } from '../../application/projections/drift/drift-watch.js';
import type { RebuildPhase } from '../../domain/projection/rebuild.js';
import {
  Agents,
  type AgentCall,
  type AgentInfo,
  type AgentReply,
  type Deferred,
} from '../../application/agents/agents.js';

/** Agents whose calls are counted by what came of them: success, deferred, or the class of the error. */
export class MeteredAgents extends Agents {
  constructor(
    private readonly agents: Agents,
    private readonly count: (agent: string, outcome: string) => void,
  ) {
    super();
  }

  async call(call: AgentCall): Promise<AgentReply | Deferred> {
    const reply = await this.agents.call(call);
    this.count(call.agent, outcomeOf(reply));
    return reply;
  }

  list(): readonly AgentInfo[] {
    return this.agents.list();
  }
}

const outcomeOf = (reply: AgentReply | Deferred): string => {
  if ('deferred' in reply) return 'deferred';
  return reply.success ? 'success' : reply.error.type;
};

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

/** Asks at each scrape. An unknown figure is left out: an old number would look like the present one. */
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

/** Asks at each scrape; left out where the database does not answer. */
export const observeDamage = (metrics: PrometheusMetrics, count: () => Promise<number>): void => {
  const gauge = new Gauge({
    name: `${PREFIX}damaged_histories`,
    help: 'Executions that are held back as their histories are damaged',
    registers: [metrics.registry],
  });
  metrics.beforeExposing(async () => {
    const damaged = await count().catch(() => null);
    if (damaged === null) gauge.remove();
    else gauge.set(damaged);
  });
};

/** Of this instance alone: each finds out for itself what the log refuses. */
export const observeHeldBack = (metrics: PrometheusMetrics, count: () => number): void => {
  const gauge = new Gauge({
    name: `${PREFIX}held_back_executions`,
    help: 'Executions that this instance does not take further, as the log refuses what it would append to them',
    registers: [metrics.registry],
  });
  metrics.beforeExposing(async () => gauge.set(count()));
};

const AGES: Readonly<Partial<Record<VitalName, readonly [name: string, help: string]>>> = {
  log_write: ['log_last_append_age_seconds', 'Age of the last append to the log that was tried and succeeded'],
  database_write: [
    'database_last_write_age_seconds',
    'Age of the last write to the database that was tried and succeeded',
  ],
  signing: ['audit_last_signature_age_seconds', 'Age of the last signed checkpoint; none where nothing was signed yet'],
  saga: ['saga_position_age_seconds', 'Age of the position in the log up to which the saga has taken events'],
};

/** What readiness is decided by, as numbers. */
export const observeVitalSigns = (
  metrics: PrometheusMetrics,
  signs: () => Readonly<Record<VitalName, VitalSign>>,
): void => {
  const registers = [metrics.registry];
  const name = `${PREFIX}vital_sign_ok`;
  const ok = new Gauge({
    name,
    help: '1 where this instance is ready as far as that goes',
    labelNames: ['sign'],
    registers,
  });
  const ages = Object.entries(AGES).map(([sign, [suffix, help]]) => {
    return { sign: sign as VitalName, gauge: new Gauge({ name: PREFIX + suffix, help, registers }) };
  });
  metrics.beforeExposing(async () => {
    const now = signs();
    for (const [sign, { ok: isOk }] of Object.entries(now)) ok.set({ sign }, isOk ? 1 : 0);
    for (const { sign, gauge } of ages) {
      const { ageSeconds } = now[sign];
      if (ageSeconds === null) gauge.remove();
      else gauge.set(ageSeconds);
    }
  });
};

const PREFIX = 'workflow_executor_';
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Values of one label; later ones are counted together. Names of agents come from files that users write. */
const NAMES = 200;
const OTHER = 'other';
/** Gauges of the library with the ending of counters, which Prometheus objects to; each is the sum of the gauge without it. */
const MISNAMED = ['resources', 'handles', 'requests'].map((what) => `nodejs_active_${what}_total`);

/** In the format of Prometheus, in a registry of its own: two applications in one process do not count together. */
export class PrometheusMetrics extends Metrics {
  readonly registry = new Registry();
  readonly contentType = this.registry.contentType;
  private readonly refreshers: (() => Promise<void>)[] = [];
  private readonly agents = new Set<string>();
  private readonly requests = new Histogram({
    name: `${PREFIX}http_request_duration_seconds`,
    help: 'Time from a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS,
    registers: [this.registry],
  });
  private readonly calls = new Counter({
    name: `${PREFIX}agent_calls_total`,
    help: 'Calls of agents that have ended, by what came of them',
    labelNames: ['agent', 'outcome'],
    registers: [this.registry],
  });

  private readonly damagedArtifacts = new Counter({
    name: `${PREFIX}damaged_artifacts_total`,
    help: 'Artifacts that were asked for and not given out, because they were altered or missing',
    labelNames: ['kind'],
    registers: [this.registry],
  });

  constructor() {
    super();
    collectDefaultMetrics({ register: this.registry });
    for (const name of MISNAMED) this.registry.removeSingleMetric(name);
  }

  /** @param refresh runs before each scrape: metrics of a registry are read side by side, not one after the other */
  beforeExposing(refresh: () => Promise<void>): void {
    this.refreshers.push(refresh);
  }

  async expose(): Promise<string> {
    await Promise.all(this.refreshers.map((refresh) => refresh()));
    return this.registry.metrics();
  }

  request(method: string, route: string, status: number, seconds: number): void {
    this.requests.observe({ method, route, status: String(status) }, seconds);
  }

  damagedArtifact(kind: 'altered' | 'missing'): void {
    this.damagedArtifacts.inc({ kind });
  }

  agentCall(agent: string, outcome: string): void {
    if (this.agents.size < NAMES) this.agents.add(agent);
    this.calls.inc({ agent: this.agents.has(agent) ? agent : OTHER, outcome });
  }
}
