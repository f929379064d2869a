import type { DataSource } from 'typeorm';
import { sleep, type Clock } from '../../application/runtime/clock.js';
import type { EventLog } from '../../application/log/event-log.js';
import { LOG_FAULTS, type FaultOf } from '../../application/log/log-fault.js';
import type { LogIdentity } from '../../application/log/log-identity.js';
import { Health, type HealthCheck, type HealthReport } from '../../application/runtime/metrics.js';
import type { RunnerStatus } from '../../application/projections/runner.js';
import type { VitalName, VitalSign, VitalSigns } from '../../application/log/vital-signs.js';
import { OWNER_SETTING } from '../postgres/session/session-lock.js';

const CHECK_TIMEOUT_MS = 2_000;
/** No execution has this id: reading it costs the log next to nothing. */
const NO_STREAM = 'workflow-health';

type Asked = Readonly<{
  dataSource: DataSource;
  log: EventLog;
  faultOf: FaultOf;
  clock: Clock;
  vitals: Pick<VitalSigns, 'signs' | 'known'>;
  logIdentity: Pick<LogIdentity, 'health'>;
}>;

/** Asks what this instance depends on. A held-back execution is reported and does not make the instance unready. */
export class CheckedHealth extends Health {
  constructor(
    private readonly asked: Asked,
    private readonly projections: () => RunnerStatus,
    private readonly stopping: AbortSignal,
  ) {
    super();
  }

  async check(): Promise<HealthReport> {
    let identity: HealthCheck = {
      ok: false,
      detail: `it was not compared with the database within ${CHECK_TIMEOUT_MS} ms`,
    };
    let held: Held = { poisoned: 0, drifted: 0, damaged: 0, owner: '' };
    const { dataSource, log, vitals, faultOf, logIdentity } = this.asked;
    const ask = async () => {
      [held = held] = await dataSource.query(HELD);
    };
    const [database, eventLog] = await Promise.all([
      this.answers(ask),
      // The two rights differ, and followers need the second.
      this.answers(() => Promise.all([log.read(NO_STREAM), log.head()]), faultOf),
      this.answers(() => vitals.known),
      this.answers(async () => void (identity = await logIdentity.health())),
    ]);
    const instance: HealthCheck = this.stopping.aborted ? { ok: false, detail: 'it is stopping' } : { ok: true };
    const needed = {
      instance,
      database: ownSessions(database, held),
      event_log: eventLog,
      log_identity: identity,
      ...checksOf(vitals),
    };
    const ready = Object.values(needed).every(({ ok }) => ok);
    return {
      ready,
      checks: { ...needed, projections: projectionsCheck(this.projections(), held), histories: historiesCheck(held) },
    };
  }

  private async answers(ask: () => Promise<unknown>, faultOf: FaultOf = () => undefined): Promise<HealthCheck> {
    const patience = new AbortController();
    const late: Promise<HealthCheck> = sleep(this.asked.clock, CHECK_TIMEOUT_MS, patience.signal).then(() => ({
      ok: false,
      detail: `no answer within ${CHECK_TIMEOUT_MS} ms`,
    }));
    // The reason goes into the log where it happens; it may name hosts and users, which are not for everybody.
    const asked = ask().then(
      (): HealthCheck => ({ ok: true }),
      (error: unknown): HealthCheck => {
        const code = faultOf(error);
        return code ? { ok: false, code, detail: LOG_FAULTS[code] } : { ok: false, detail: 'it cannot be reached' };
      },
    );
    try {
      return await Promise.race([asked, late]);
    } finally {
      patience.abort();
    }
  }
}

/** Any instance can read it, also an instance that does not lead. */
type Held = Readonly<{ poisoned: number; drifted: number; damaged: number; owner: string }>;
const HELD = `select (select count(*)::int from projection_poison) as poisoned,
                     (select count(*)::int from projection_drift) as drifted,
                     (select count(*)::int from damaged_histories) as damaged,
                     coalesce(current_setting('${OWNER_SETTING}', true), '') as owner`;

/** The others are served as well as ever, so it does not make the instance unready. */
const historiesCheck = ({ damaged }: Held): HealthCheck =>
  damaged === 0
    ? { ok: true }
    : { ok: false, detail: `degraded: ${damaged} executions are held back as their histories are damaged` };

/** A connection of the pool owns no lock: if its session is that of a lock, a pooler shares sessions. */
const ownSessions = (database: HealthCheck, { owner }: Held): HealthCheck =>
  owner === '' ? database : { ok: false, detail: 'a pooler in transaction mode is in between; see DATABASE_URL' };

const checksOf = (vitals: Pick<VitalSigns, 'signs'>): Readonly<Record<VitalName, HealthCheck>> => {
  const { log_write, log_follow, database_write, signing, saga } = vitals.signs();
  const check = ({ ok, code, detail }: VitalSign): HealthCheck => ({ ok, ...(code ? { code } : {}), detail });
  return {
    log_write: check(log_write),
    log_follow: check(log_follow),
    database_write: check(database_write),
    signing: check(signing),
    saga: check(saga),
  };
};

const projectionsCheck = ({ leading, caughtUp, poisoned }: RunnerStatus, held: Held): HealthCheck => {
  const heldBack = Math.max(poisoned, held.poisoned);
  if (heldBack > 0)
    return { ok: false, detail: `degraded: ${heldBack} executions are held back by an event that cannot be applied` };
  if (held.drifted > 0)
    return { ok: false, detail: `degraded: the rows of ${held.drifted} executions are not those of their events` };
  if (!leading) return { ok: true, detail: 'another instance keeps the read tables' };
  return { ok: true, detail: caughtUp ? 'up to date' : 'catching up' };
};
