import type { DataSource } from 'typeorm';
import { sleep, type Clock } from '../application/clock.js';
import type { EventLog } from '../application/event-log.js';
import { Health, type HealthCheck, type HealthReport } from '../application/health.js';
import type { RunnerStatus } from '../application/projections/runner.js';

const CHECK_TIMEOUT_MS = 2_000;
/** No execution has this id: reading it costs the log next to nothing. */
const NO_STREAM = 'workflow-health';

/** Asks what this instance depends on. A held-back execution is told and does not make the instance unready. */
export class CheckedHealth extends Health {
  constructor(
    private readonly dataSource: DataSource,
    private readonly log: EventLog,
    private readonly clock: Clock,
    private readonly projections: () => RunnerStatus,
    private readonly stopping: AbortSignal,
  ) {
    super();
  }

  async check(): Promise<HealthReport> {
    let held: Held = { poisoned: 0, drifted: 0 };
    const ask = async () => {
      [held = held] = await this.dataSource.query(HELD);
    };
    const [database, eventLog] = await Promise.all([this.answers(ask), this.answers(() => this.log.read(NO_STREAM))]);
    const instance: HealthCheck = this.stopping.aborted ? { ok: false, detail: 'it is stopping' } : { ok: true };
    const checks = { instance, database, event_log: eventLog, projections: projectionsCheck(this.projections(), held) };
    return { ready: instance.ok && database.ok && eventLog.ok, checks };
  }

  private async answers(ask: () => Promise<unknown>): Promise<HealthCheck> {
    const patience = new AbortController();
    const late: Promise<HealthCheck> = sleep(this.clock, CHECK_TIMEOUT_MS, patience.signal).then(() => ({
      ok: false,
      detail: `no answer within ${CHECK_TIMEOUT_MS} ms`,
    }));
    // The reason goes into the log where it happens; it may name hosts and users, which are not for everybody.
    const asked = ask().then(
      (): HealthCheck => ({ ok: true }),
      (): HealthCheck => ({ ok: false, detail: 'it cannot be reached' }),
    );
    try {
      return await Promise.race([asked, late]);
    } finally {
      patience.abort();
    }
  }
}

/** Any instance can say it, also one that does not lead. */
type Held = Readonly<{ poisoned: number; drifted: number }>;
const HELD = `select (select count(*)::int from projection_poison) as poisoned,
                     (select count(*)::int from projection_drift) as drifted`;

const projectionsCheck = ({ leading, caughtUp, poisoned }: RunnerStatus, held: Held): HealthCheck => {
  const heldBack = Math.max(poisoned, held.poisoned);
  if (heldBack > 0)
    return { ok: false, detail: `degraded: ${heldBack} executions are held back by an event that cannot be applied` };
  if (held.drifted > 0)
    return { ok: false, detail: `degraded: the rows of ${held.drifted} executions are not those of their events` };
  if (!leading) return { ok: true, detail: 'another instance keeps the read tables' };
  return { ok: true, detail: caughtUp ? 'up to date' : 'catching up' };
};
