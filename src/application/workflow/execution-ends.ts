import { endsExecution } from '../../domain/workflow/events.js';
import { executionIdOf, STREAM_PREFIX } from '../../domain/workflow/index.js';
import { hasEnded, type ExistingWorkflow } from '../../domain/workflow/state.js';
import { followLog } from '../log/follow-log.js';
import type { EventLog } from '../log/event-log.js';
import type { Ids } from '../log/ids.js';
import type { Clock } from '../runtime/clock.js';
import { NotFound, NotReady, TooMuchWaiting, type OnError } from '../runtime/errors.js';
import type { Workflows } from './workflows.js';

type Ports = Readonly<{ log: EventLog; clock: Clock; ids: Ids; workflows: Workflows }>;
type Limits = Readonly<{ waiting: number; retryAfterSeconds: number }>;

export type Ended = Readonly<{ state: ExistingWorkflow; revision: bigint }>;

type Waiter = Readonly<{ heard: (revision: bigint) => void; fail: (error: unknown) => void }>;

/**
 * Tells callers in this process when an execution ends, whichever instance writes its end. The log is followed from the first
 * call on. A caller waits before its history is read, so the end is in what is read or comes later to the follower.
 */
export class ExecutionEnds {
  private readonly waiting = new Map<string, Set<Waiter>>();
  private waits = 0;
  private readonly ending = new AbortController();
  private begun: Promise<void> | undefined;
  private following: Promise<void> = Promise.resolve();

  constructor(
    private readonly ports: Ports,
    private readonly limits: Limits,
    private readonly onError: OnError,
  ) {}

  /**
   * Resolves once the execution has ended: at once where it has already.
   * @throws NotFound, TooMuchWaiting, LogUnavailable, HistoryDamaged; the reason of the signal, and of the stop
   */
  async of(executionId: string, signal?: AbortSignal): Promise<Ended> {
    const { waiting, retryAfterSeconds } = this.limits;
    if (this.waits >= waiting)
      throw new TooMuchWaiting(`At most ${waiting} calls may wait for the end of an execution`, retryAfterSeconds);
    this.waits += 1;
    try {
      await (this.begun ??= this.begin());
      return await this.wait(executionId, signal);
    } finally {
      this.waits -= 1;
    }
  }

  async stop(): Promise<void> {
    this.ending.abort(new NotReady('This instance ends'));
    for (const waiters of this.waiting.values()) for (const { fail } of waiters) fail(this.ending.signal.reason);
    await this.following;
  }

  /** After a failure the next call tries again. */
  private async begin(): Promise<void> {
    try {
      this.following = this.follow(await this.ports.log.head());
    } catch (error) {
      this.begun = undefined;
      throw error;
    }
  }

  private async wait(executionId: string, signal?: AbortSignal): Promise<Ended> {
    const { workflows } = this.ports;
    let read = () => workflows.refresh(executionId);
    for (;;) {
      this.ending.signal.throwIfAborted();
      signal?.throwIfAborted();
      const next = this.nextEnd(executionId, signal);
      try {
        const { state, revision } = await read();
        if (state.status === 'none' || revision === 'none') throw new NotFound(`There is no execution ${executionId}`);
        if (hasEnded(state.status)) return { state, revision };
        const heard = await next.end;
        // A failed execution may have been retried since: then the next end is waited for.
        read = async () => (await workflows.catchUp(executionId, heard), workflows.load(executionId));
      } finally {
        next.leave();
      }
    }
  }

  /** From now on. */
  private nextEnd(executionId: string, signal?: AbortSignal) {
    const { promise: end, ...settle } = pending<bigint>();
    const waiter: Waiter = { heard: settle.resolve, fail: settle.reject };
    const waiters = this.waiting.get(executionId) ?? new Set();
    this.waiting.set(executionId, waiters.add(waiter));
    const aborted = () => waiter.fail(signal?.reason);
    signal?.addEventListener('abort', aborted, { once: true });
    const leave = () => {
      signal?.removeEventListener('abort', aborted);
      waiters.delete(waiter);
      if (waiters.size === 0 && this.waiting.get(executionId) === waiters) this.waiting.delete(executionId);
    };
    return { end, leave };
  }

  private async follow(after: bigint | 'start'): Promise<void> {
    const { log, clock, ids } = this.ports;
    const { signal } = this.ending;
    const onError = (error: unknown) => this.onError('Following the event log failed and is tried again', error);
    for await (const seen of followLog({ log, clock, ids, prefix: STREAM_PREFIX, after, signal, onError })) {
      if (seen.kind !== 'event' || !endsExecution(seen.event.type)) continue;
      const waiters = this.waiting.get(executionIdOf(seen.event.stream)) ?? [];
      for (const { heard } of waiters) heard(seen.event.revision);
    }
  }
}

const pending = <Value>() => {
  let resolve!: (value: Value) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<Value>((...both) => ([resolve, reject] = both));
  // Where the history shows the end already, nobody awaits it.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
};
