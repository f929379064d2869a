/** Whether this instance can do its work: what it depends on is tried by writing, what it waits for is looked at. */
import { sleep, type Clock } from '../runtime/clock.js';
import type { OnError } from '../runtime/errors.js';
import type { EventLog, RecordedEvent } from './event-log.js';
import { LOG_FAULTS, type FaultOf, type LogFault } from './log-fault.js';
import type { LogTrouble, LogWatch } from './log-watch.js';

export type VitalLimits = Readonly<{
  /** Between two looks; after one that failed, `retryMs`. */
  everyMs: number;
  retryMs: number;
  /** After which an attempt that has not ended counts as failed. */
  timeoutMs: number;
  /** What waits for longer than this, while nothing moves on, has been stopped. */
  stalledMs: number;
  unsignedMs: number;
}>;

/** What moves on along the log: how far it has come, since when, and what comes next. `position` is null where nothing was done yet. */
export type Progress = Readonly<{ position: bigint | 'start'; movedAt: Date | null; next: RecordedEvent | null }>;

export type VitalPorts = Readonly<{
  clock: Clock;
  /** Each of them writes something, and leaves nothing behind that grows. */
  writeLog: () => Promise<void>;
  writeDatabase: () => Promise<void>;
  signed: () => Promise<Progress>;
  saga: () => Promise<Progress>;
  /** What followers and writers know. */
  watched: Pick<LogWatch, 'appendTrouble' | 'followTrouble'>;
  faultOf: FaultOf;
}>;

export type VitalName = 'log_write' | 'log_follow' | 'database_write' | 'signing' | 'saga';
type Written = 'log_write' | 'database_write';
type Moved = 'signing' | 'saga';

export type VitalSign = Readonly<{
  ok: boolean;
  detail: string;
  /** Why the log cannot be used, where that is known. */
  code?: LogFault;
  /** Of the last append, write, signature or position, in seconds; null before the first one. */
  ageSeconds: number | null;
}>;

type Outcome = Readonly<{ failed: boolean; okAt: Date | null; fault?: LogFault }>;

const NEVER: Outcome = { failed: false, okAt: null };

export class VitalSigns {
  private readonly ending = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private readonly writes: Record<Written, Outcome> = {
    log_write: NEVER,
    database_write: NEVER,
  };
  private readonly progress: Record<Moved, Progress | null> = { signing: null, saga: null };
  /** What comes next for each, and since when this instance has seen it wait: when it was recorded is of another clock. */
  private readonly waiting: Record<Moved, Readonly<{ position: bigint; since: Date }> | null> = {
    signing: null,
    saga: null,
  };
  /** Since when each cannot be looked at; null while it can. */
  private readonly unseenSince: Record<Moved, Date | null> = { signing: null, saga: null };
  private readonly underWay = new Set<Written | Moved>();
  private begun: () => void = () => undefined;
  /** Resolves when there is something to say. */
  readonly known = new Promise<void>((resolve) => (this.begun = resolve));

  constructor(
    private readonly ports: VitalPorts,
    private readonly limits: VitalLimits,
    private readonly onError: OnError,
  ) {}

  start(): void {
    this.loop = this.run(this.ending.signal);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.loop;
  }

  signs(): Readonly<Record<VitalName, VitalSign>> {
    const { stalledMs, unsignedMs } = this.limits;
    return {
      log_write: this.logWritten(),
      log_follow: this.followed(),
      database_write: this.written('database_write', 'write'),
      signing: this.moved('signing', 'signature', unsignedMs),
      saga: this.moved('saga', 'position of the saga', stalledMs),
    };
  }

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await Promise.all([
        this.within('log_write', this.ports.writeLog, () => this.wrote('log_write')),
        this.within('database_write', this.ports.writeDatabase, () => this.wrote('database_write')),
        this.within('signing', this.ports.signed, (progress) => this.looked('signing', progress)),
        this.within('saga', this.ports.saga, (progress) => this.looked('saga', progress)),
      ]);
      this.begun();
      const isWell = Object.values(this.signs()).every(({ ok }) => ok);
      await sleep(this.ports.clock, isWell ? this.limits.everyMs : this.limits.retryMs, signal);
    }
  }

  /** An attempt that hangs is not joined by others. */
  private async within<T>(name: Written | Moved, attempt: () => Promise<T>, took: (value: T) => void): Promise<void> {
    if (this.underWay.has(name)) return;
    this.underWay.add(name);
    const patience = new AbortController();
    const late = sleep(this.ports.clock, this.limits.timeoutMs, AbortSignal.any([patience.signal, this.ending.signal]));
    const done = attempt()
      .then(took, (error: unknown) => this.fail(name, error))
      .finally(() => this.underWay.delete(name));
    await Promise.race([done, late]);
    patience.abort();
    if (this.underWay.has(name) && !this.ending.signal.aborted)
      this.fail(name, new Error(`no answer within ${this.limits.timeoutMs} ms`));
  }

  private wrote(name: Written): void {
    this.writes[name] = { failed: false, okAt: this.ports.clock.now() };
  }

  private looked(name: Moved, progress: Progress): void {
    this.progress[name] = progress;
    const position = progress.next?.position;
    if (position === undefined) this.waiting[name] = null;
    else if (this.waiting[name]?.position !== position)
      this.waiting[name] = { position, since: this.ports.clock.now() };
    this.unseenSince[name] = null;
  }

  /**
   * Logged when it begins. What cannot be looked at stays as it was for a while: a log or a database that is away has a sign
   * of its own. One that takes events and cannot be read, as where a page of it is damaged, has none.
   */
  private fail(name: Written | Moved, error: unknown): void {
    if (this.ending.signal.aborted) return;
    if (name === 'signing' || name === 'saga') {
      this.unseenSince[name] ??= this.ports.clock.now();
      return;
    }
    if (!this.writes[name].failed) this.onError(`Not ready: ${WHAT[name]} cannot be written`, error);
    const fault = name === 'log_write' ? this.ports.faultOf(error) : undefined;
    this.writes[name] = {
      failed: true,
      okAt: this.writes[name].okAt,
      ...(fault ? { fault } : {}),
    };
  }

  /** The probe writes a stream of its own: what is refused elsewhere, the writers know. */
  private logWritten(): VitalSign {
    const sign = this.written('log_write', 'append');
    const { fault } = this.writes.log_write;
    if (!sign.ok) return fault ? { ...sign, code: fault, detail: `${sign.detail}; ${LOG_FAULTS[fault]}` } : sign;
    return this.troubled(this.ports.watched.appendTrouble(), sign);
  }

  private followed(): VitalSign {
    return this.troubled(this.ports.watched.followTrouble(), {
      ok: true,
      detail: 'the log is followed',
      ageSeconds: null,
    });
  }

  private troubled(trouble: LogTrouble | null, well: VitalSign): VitalSign {
    if (!trouble) return well;
    const { fault, what, seconds } = trouble;
    const detail = `${what} are refused for ${seconds} s${fault ? `; ${LOG_FAULTS[fault]}` : ''}`;
    return { ok: false, detail, ageSeconds: well.ageSeconds, ...(fault ? { code: fault } : {}) };
  }

  private written(name: Written, what: string): VitalSign {
    const { failed, okAt } = this.writes[name];
    const ageSeconds = this.age(okAt);
    const { everyMs, timeoutMs } = this.limits;
    // A loop that stands still must not leave a good word behind for ever.
    const isOld = okAt !== null && ageSeconds! * 1_000 > 3 * everyMs + 2 * timeoutMs;
    return { ok: okAt !== null && !failed && !isOld, detail: last(what, ageSeconds), ageSeconds };
  }

  private moved(name: Moved, what: string, limitMs: number): VitalSign {
    const { movedAt = null } = this.progress[name] ?? {};
    const ageSeconds = this.age(movedAt);
    const unseen = this.age(this.unseenSince[name]);
    if (unseen !== null && unseen * 1_000 > limitMs)
      return { ok: false, detail: `cannot be looked at for ${Math.round(unseen)} s`, ageSeconds };
    const waits = this.age(this.waiting[name]?.since ?? null);
    if (waits === null) return { ok: true, detail: `${last(what, ageSeconds)}; nothing waits`, ageSeconds };
    const stands = ageSeconds === null || ageSeconds * 1_000 > limitMs;
    const ok = !(stands && waits * 1_000 > limitMs);
    return { ok, detail: `${last(what, ageSeconds)}; an event waits for ${Math.round(waits)} s`, ageSeconds };
  }

  private age(at: Date | null): number | null {
    return at && Math.max(0, this.ports.clock.now().getTime() - at.getTime()) / 1_000;
  }
}

const WHAT = { log_write: 'the event log', database_write: 'the database' } as const;

const last = (what: string, ageSeconds: number | null): string =>
  ageSeconds === null ? `no ${what} yet` : `last ${what} ${Math.round(ageSeconds)} s ago`;

const PAGE_EVENTS = 20;
/** Pages of one look. What is not found by then is looked for from there the next time. */
const PAGES = 50;

/** Finds what comes next in some streams, and does not read again what is in others. */
export class NextEvent {
  private passed: bigint | 'start' = 'start';

  constructor(
    private readonly log: Pick<EventLog, 'page'>,
    private readonly prefixes: readonly string[],
  ) {}

  /** @param position never lower than the time before. @throws LogUnavailable */
  async after(position: bigint | 'start'): Promise<RecordedEvent | null> {
    if (position !== 'start' && (this.passed === 'start' || this.passed < position)) this.passed = position;
    for (let pages = 0; pages < PAGES; pages++) {
      const page = await this.log.page(this.passed, PAGE_EVENTS);
      const next = page.find(({ stream }) => this.prefixes.some((prefix) => stream.startsWith(prefix)));
      if (next) return next;
      this.passed = page.at(-1)?.position ?? this.passed;
      if (page.length < PAGE_EVENTS) return null;
    }
    return null;
  }
}
