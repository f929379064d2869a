import type { OnError } from '../runtime/errors.js';
import { executionIdOf, STREAM_PREFIX } from '../../domain/workflow/index.js';
import { type Clock, every } from '../runtime/clock.js';
import type { EventLog } from '../log/event-log.js';
import { failpoint } from '../runtime/failpoint.js';
import { followLog } from '../log/follow-log.js';
import type { Ids } from '../log/ids.js';
import type { DueExecutions, Workers } from '../workflow/workers.js';
import type { WorkflowSaga } from './workflow-saga.js';

export type WatchLimits = Readonly<{
  heartbeatMs: number;
  sweepMs: number;
  /** Executions that one sweep wakes, and how many of them at once. */
  sweepBatch: number;
  sweepParallel: number;
}>;

/** For so many heartbeats a view of the other workers is fresh. */
const HEARD_FOR_BEATS = 3;

type Ports = Readonly<{ log: EventLog; workers: Workers; due: DueExecutions; clock: Clock; ids: Ids }>;

/**
 * Keeps the saga awake. The subscription brings other instances' events at once, for latency; the sweep looks through
 * what is due, for certainty; the heartbeat tells the others that this instance lives.
 */
export class SagaScheduler {
  private readonly ending = new AbortController();
  private loops: Promise<unknown> = Promise.resolve();
  private lastBeatAt: number | null = null;
  /** After a time in which no worker could be heard, each needs time for a heartbeat: until then, silence proves nothing. */
  private silenceCountsFrom = 0;
  private position: bigint | 'start' = 'start';
  private movedAt: Date | null = null;

  constructor(
    private readonly saga: WorkflowSaga,
    private readonly ports: Ports,
    private readonly worker: string,
    private readonly limits: WatchLimits,
    private readonly onError: OnError,
  ) {}

  /** @param after a position that the read tables hold: the sweep finds there what came before it */
  start(after: bigint | 'start'): void {
    const { clock } = this.ports;
    const { signal } = this.ending;
    const logError = (what: string) => (error: unknown) => this.onError(`${what} failed and is tried again`, error);
    this.loops = Promise.all([
      every(clock, this.limits.heartbeatMs, signal, () => this.beat(), logError('The heartbeat')),
      every(clock, this.limits.sweepMs, signal, () => this.sweep(), logError('The sweep over due executions')),
      this.follow(after, logError('Following the event log')),
    ]);
  }

  /** The position up to which the log was followed, and since when. */
  progress(): Readonly<{ position: bigint | 'start'; movedAt: Date | null }> {
    return { position: this.position, movedAt: this.movedAt };
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.loops;
    await this.ports.workers.leave(this.worker).catch((error: unknown) => this.onError('Leaving failed', error));
  }

  private async beat(): Promise<void> {
    const now = this.ports.clock.now().getTime();
    await this.ports.workers.beat(this.worker);
    if (this.lastBeatAt !== null && !this.isRecent(this.lastBeatAt, now)) this.silenceCountsFrom = now + this.spanMs;
    this.lastBeatAt = now;
    await this.hearOfOthers();
  }

  private async hearOfOthers(): Promise<ReadonlySet<string>> {
    const alive = await this.ports.workers.alive();
    this.saga.aliveWorkers(alive, HEARD_FOR_BEATS * this.limits.heartbeatMs);
    return alive;
  }

  private async sweep(): Promise<void> {
    const { due, clock } = this.ports;
    const alive = await this.hearOfOthers();
    const found = await due.find(clock.now(), alive, this.limits.sweepBatch);
    const mayTakeOver = this.mayTakeOver(clock.now().getTime());
    const left = [...found];
    const wakeOneByOne = async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        await this.saga.wake(next.executionId, mayTakeOver, next.revision);
      }
    };
    await Promise.all(Array.from({ length: this.limits.sweepParallel }, wakeOneByOne));
  }

  private mayTakeOver(now: number): boolean {
    return this.lastBeatAt !== null && this.isRecent(this.lastBeatAt, now) && now >= this.silenceCountsFrom;
  }

  private isRecent(at: number, now: number): boolean {
    return now - at <= this.spanMs;
  }

  /** A worker that lives has sent a heartbeat within this time. */
  private get spanMs(): number {
    return 2 * this.limits.heartbeatMs;
  }

  private async follow(after: bigint | 'start', onError: (error: unknown) => void): Promise<void> {
    const { log, clock, ids } = this.ports;
    const { signal } = this.ending;
    [this.position, this.movedAt] = [after, clock.now()];
    for await (const seen of followLog({ log, clock, ids, prefix: STREAM_PREFIX, after, signal, onError })) {
      if (seen.kind === 'event') {
        failpoint('event-received');
        await this.saga.onForeignEvent(executionIdOf(seen.event.stream), seen.event).catch(onError);
      }
      if (seen.kind === 'caught-up') continue;
      this.position = seen.kind === 'event' ? seen.event.position : seen.position;
      this.movedAt = clock.now();
    }
  }
}
