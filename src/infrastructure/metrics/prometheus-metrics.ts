import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { Metrics } from '../../application/runtime/metrics.js';

export const PREFIX = 'workflow_executor_';
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Of one label; what comes after them is counted together. Names of agents come from files that users write. */
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

  /** @param refresh is done before each answer: metrics of a registry are read side by side, not one after the other */
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
