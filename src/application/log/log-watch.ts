/** What the followers and the appends of this instance last heard from the log, so that readiness knows what they know. */
import type { Clock } from '../runtime/clock.js';
import type { FaultOf, LogFault } from './log-fault.js';

/** From the first failure after the last success to the last one. */
type Failing = { since: Date; last: Date; fault: LogFault | undefined };

export type LogTrouble = Readonly<{ fault: LogFault | undefined; what: string; seconds: number }>;

type WatchLimits = Readonly<{
  /** A failure that was not repeated for this long counts no more: its follower or writer has ended. */
  forgetMs: number;
  /** What may be over in a moment counts only after this time. */
  graceMs: number;
}>;

const DEFAULTS: WatchLimits = { forgetMs: 60_000, graceMs: 5_000 };
/** Of each kind; there are about ten of them. */
const KEPT = 100;

export class LogWatch {
  /** By the first part of their names: a user's rights are given to streams of a kind. */
  private readonly denied = new Map<string, Failing>();
  /** By what they follow. */
  private readonly lost = new Map<string, Failing>();

  constructor(
    private readonly clock: Clock,
    private readonly faultOf: FaultOf,
    private readonly limits: WatchLimits = DEFAULTS,
  ) {}

  /** Streams of this application that its user may not write, though it may write others. */
  appendTrouble(): LogTrouble | null {
    return this.worst(this.denied, 0, 'appends to');
  }

  /** Subscriptions that do not come about. */
  followTrouble(): LogTrouble | null {
    return this.worst(this.lost, this.limits.graceMs, 'followers of');
  }

  appended(stream: string): void {
    if (this.denied.size > 0) this.denied.delete(kindOf(stream));
  }

  /** Whatever else than rights stops appends stops those of the write probe too. */
  appendFailed(stream: string, error: unknown): void {
    if (this.faultOf(error) === 'RIGHTS_MISSING') this.failed(this.denied, kindOf(stream), error);
  }

  followed(prefix: string | readonly string[]): void {
    this.lost.delete(nameOf(prefix));
  }

  followFailed(prefix: string | readonly string[], error: unknown): void {
    this.failed(this.lost, nameOf(prefix), error);
  }

  private failed(among: Map<string, Failing>, key: string, error: unknown): void {
    const now = this.clock.now();
    const known = among.get(key);
    if (!known && among.size >= KEPT) return;
    const since = known && this.isRecent(known, now) ? known.since : now;
    among.set(key, { since, last: now, fault: this.faultOf(error) });
  }

  private worst(among: ReadonlyMap<string, Failing>, graceMs: number, what: string): LogTrouble | null {
    const now = this.clock.now();
    for (const [key, failing] of among) {
      const ms = now.getTime() - failing.since.getTime();
      const isCertain = failing.fault === 'RIGHTS_MISSING' || failing.fault === 'CREDENTIALS_REFUSED';
      if (this.isRecent(failing, now) && (isCertain || ms >= graceMs))
        return { fault: failing.fault, what: `${what} ${key}`, seconds: Math.round(ms / 1_000) };
    }
    return null;
  }

  private isRecent({ last }: Failing, now: Date): boolean {
    return now.getTime() - last.getTime() <= this.limits.forgetMs;
  }
}

/** `workflow-` of `workflow-1f0c...`. */
const kindOf = (stream: string): string => /^[^-]*-?/.exec(stream)![0];

const nameOf = (prefix: string | readonly string[]): string => [prefix].flat().join(', ');
