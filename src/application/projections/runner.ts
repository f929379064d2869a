import { endsExecution } from '../../domain/workflow/events.js';
import { STREAM_PREFIX } from '../../domain/workflow/index.js';
import { every, sleep, type Clock } from '../runtime/clock.js';
import { NotReady, type OnError } from '../runtime/errors.js';
import { Leadership, type LeaderSession, type LeadNotices } from '../runtime/leadership.js';
import { positionOf, type EventLog, type SubscriptionMessage } from '../log/event-log.js';
import { sizeOfMessage } from '../log/event-size.js';
import { followLog } from '../log/follow-log.js';
import type { Ids } from '../log/ids.js';
import { BoundedQueue } from '../runtime/bounded-concurrency.js';
import type { Projection } from './projection.js';
import { type ProjectionLease, followed, lowestPosition, type ProjectionStore } from './projection-store.js';
import type { PoisonOrders } from './admin/projection-records.js';
import { Applier, Progress } from './applier.js';

export type RunnerLimits = Readonly<{
  /** Events in one transaction. */
  batch: number;
  /** The same while the tables are behind, as when an application starts with a long log: fewer, larger ones cost less. */
  catchUpBatch: number;
  /** After a batch of so many events the leader waits for more: fewer, larger transactions cost less. */
  gatherAfter: number;
  gatherMs: number;
  /** The same while the tables are behind, unless a whole batch is there before. */
  catchUpGatherMs: number;
  /** While this instance waits for the log's answer to an append, a smaller batch lets it go first, for so long at most. */
  answersFirstMs: number;
  /** And until no append has been under way for so long. */
  quietMs: number;
  /** Events that wait while the store is busy, and about how many bytes they may have: as many are in a transaction at most. */
  buffered: number;
  bufferedBytes: number;
  /** How often the checkpoint moves where only other streams have events. */
  checkpointEveryMs: number;
  /** Between two attempts to lead, spread by half of it. */
  leadPauseMs: number;
  /** Between two looks for operators' orders, and how many of them one look takes up. */
  ordersEveryMs: number;
  ordersAtOnce: number;
  /** Executions held back, all projections together. More of them are no poison events but a fault of ours: the leader stops. */
  poisoned: number;
}>;

const CATCH_UP_BATCH = 1_000;

/** Between two looks whether an append is under way: the next one begins within a turn of the event loop. */
const LOOK_AGAIN_MS = 1;

export const DEFAULT_RUNNER_LIMITS: RunnerLimits = {
  batch: 200,
  catchUpBatch: CATCH_UP_BATCH,
  gatherAfter: 50,
  gatherMs: 40,
  catchUpGatherMs: 150,
  answersFirstMs: 25,
  quietMs: 3,
  buffered: CATCH_UP_BATCH,
  bufferedBytes: 4 * 1024 * 1024,
  checkpointEveryMs: 5_000,
  leadPauseMs: 1_000,
  ordersEveryMs: 500,
  ordersAtOnce: 100,
  poisoned: 10_000,
};

type ProjectionDependencies = Readonly<{
  store: ProjectionStore;
  log: EventLog;
  clock: Clock;
  ids: Ids;
  /** Appends of this instance, and the clock by which they take their time. Without it the leader lets none go first. */
  appends?: Readonly<{ log: Readonly<{ appendsUnderWay: number }>; clock: Clock }>;
  /** Of operators. Without it the leader looks for none. */
  orders?: PoisonOrders;
}>;

export type RunnerStatus = Readonly<{
  /** Whether this instance writes the read tables. Only the leader knows what follows. */
  leading: boolean;
  /** Everything that was in the log when the subscription was opened is in the tables. */
  caughtUp: boolean;
  /** That all projections have passed. */
  position: bigint | 'start';
  lastEventAt: Date | null;
  /** Executions held back, all projections together. */
  poisoned: number;
}>;

/** Keeps the read tables as close behind the log as the store allows: what came in while it was busy is one batch. */
export class ProjectionRunner {
  private readonly leadership: Leadership<ProjectionLease, ProjectionLeaderSession>;

  constructor(
    dependencies: ProjectionDependencies,
    projections: readonly Projection[],
    limits: RunnerLimits,
    onError: OnError,
    notices?: LeadNotices,
  ) {
    const { store, clock, ids } = dependencies;
    this.leadership = new Leadership({
      ...{ clock, ids, notices },
      tryLead: () => store.tryLead(),
      begin: (lease) => ProjectionLeaderSession.begin(dependencies, projections, lease, limits, onError),
      pauseMs: () => limits.leadPauseMs,
      onFailure: ({ error, isLost }) => {
        // A write that is under way when another takes the lead, as each swap of rebuilt tables does, is no fault.
        if (!isLost) onError('The projections stopped and start again', error);
      },
    });
  }

  start(): void {
    this.leadership.start();
  }

  /** Resolves when this instance writes nothing any longer. */
  stop(): Promise<void> {
    return this.leadership.stop();
  }

  status(): RunnerStatus {
    const { session } = this.leadership;
    const { caughtUp = false, position = 'start', lastEventAt = null, poisoned = 0 } = session ?? {};
    return { leading: session !== null, caughtUp, position, lastEventAt, poisoned };
  }

  /**
   * Tries again what is held back.
   * @throws NotReady where another instance leads, or none does
   */
  async retryPoisoned(): Promise<void> {
    const { session } = this.leadership;
    if (!session) throw new NotReady('This instance does not lead the projections; ask the one that does');
    await session.heal();
  }
}

/** Writes the read tables as long as the lease lasts. */
class ProjectionLeaderSession implements LeaderSession {
  /** Everything that was in the log when the subscription was opened is in the tables. */
  caughtUp = false;
  private readonly applier: Applier;
  private checkpointAt = 0;
  /** More waits than a transaction takes while the tables keep up, or may wait. */
  private isBehind = true;
  /** The last of the session's tasks: batches, healing and orders take turns. */
  private busy: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly dependencies: ProjectionDependencies,
    private readonly projections: readonly Projection[],
    private readonly lease: ProjectionLease,
    private readonly progress: ReadonlyMap<string, Progress>,
    private readonly limits: RunnerLimits,
    private readonly onError: OnError,
  ) {
    this.applier = new Applier(lease, projections, progress, dependencies.clock, limits);
  }

  static async begin(
    dependencies: ProjectionDependencies,
    projections: readonly Projection[],
    lease: ProjectionLease,
    limits: RunnerLimits,
    onError: OnError,
  ): Promise<ProjectionLeaderSession> {
    const checkpoints = await dependencies.store.checkpoints();
    const poisoned = await dependencies.store.poisoned(limits.poisoned + 1);
    const progressOf = ({ table }: Projection) => {
      const held = poisoned.filter(({ projection }) => projection === table);
      return [table, new Progress(checkpoints.get(table) ?? null, held)] as const;
    };
    const present = followed(checkpoints, projections);
    return new ProjectionLeaderSession(dependencies, present, lease, new Map(present.map(progressOf)), limits, onError);
  }

  /** Heals what can be healed, then follows the log. */
  async serve(stopping: AbortSignal): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([stopping, this.lease.lost, over.signal]);
    const { buffered, bufferedBytes } = this.limits;
    const queue = new BoundedQueue<SubscriptionMessage>(buffered, bufferedBytes, sizeOfMessage);
    await this.heal().catch((error: unknown) => this.onError('Healing what is held back failed', error));
    const pumping = this.pump(queue, signal);
    const ordered = this.takeOrders(signal);
    const { batch, catchUpBatch, gatherAfter } = this.limits;
    const next = async () => {
      await queue.filled();
      if (!this.isBehind) await this.letAnswersPass(queue, signal);
      return queue.take(this.isBehind ? catchUpBatch : batch);
    };
    try {
      for (let seen = await next(); seen.length > 0; seen = await next()) {
        await this.inTurn(() => this.take(seen));
        this.isBehind = !this.caughtUp || seen.length >= batch;
        if (seen.length >= gatherAfter) await this.gather(queue, signal);
      }
    } finally {
      over.abort();
      queue.close();
      await pumping;
      await ordered;
      await this.busy;
    }
  }

  /** Until a whole batch waits, or for a moment. */
  private async gather(queue: BoundedQueue<SubscriptionMessage>, signal: AbortSignal): Promise<void> {
    const { batch, catchUpBatch, gatherMs, catchUpGatherMs } = this.limits;
    const [wanted, ms] = this.isBehind ? [catchUpBatch, catchUpGatherMs] : [batch, gatherMs];
    const isOver = new AbortController();
    const late = sleep(this.dependencies.clock, ms, AbortSignal.any([signal, isOver.signal]));
    await Promise.race([queue.holds(wanted), late]);
    isOver.abort();
  }

  /**
   * An execution goes from append to append, and its steps' agents may answer at once: what it has written meanwhile is one batch,
   * when it rests or has ended.
   */
  private async letAnswersPass(queue: BoundedQueue<SubscriptionMessage>, signal: AbortSignal): Promise<void> {
    const { appends } = this.dependencies;
    const { answersFirstMs, quietMs, gatherAfter } = this.limits;
    const isOver = () => signal.aborted || queue.length >= gatherAfter || isEnd(queue.newest);
    for (let [waitedMs, quiet] = [0, 0]; appends && waitedMs < answersFirstMs; waitedMs += LOOK_AGAIN_MS) {
      const isQuiet = appends.log.appendsUnderWay === 0;
      if (isOver() || (isQuiet && quiet >= quietMs)) return;
      await sleep(appends.clock, LOOK_AGAIN_MS, signal);
      quiet = isQuiet ? quiet + LOOK_AGAIN_MS : 0;
    }
  }

  heal(): Promise<void> {
    return this.inTurn(() => this.applier.heal(this.dependencies.log));
  }

  get position(): bigint | 'start' {
    const checkpoints = [...this.progress].flatMap(([table, { checkpoint }]) =>
      checkpoint ? [[table, checkpoint] as const] : [],
    );
    return lowestPosition(new Map(checkpoints), this.projections);
  }

  get lastEventAt(): Date | null {
    const times = [...this.progress.values()].map(({ checkpoint }) => checkpoint?.lastEventAt?.getTime() ?? 0);
    const latest = Math.max(0, ...times);
    return latest === 0 ? null : new Date(latest);
  }

  get poisoned(): number {
    return [...this.progress.values()].reduce((sum, { poisoned }) => sum + poisoned.length, 0);
  }

  private async pump(queue: BoundedQueue<SubscriptionMessage>, signal: AbortSignal): Promise<void> {
    const { log, clock, ids } = this.dependencies;
    const onError = (error: unknown) => {
      this.caughtUp = false;
      this.onError('The subscription of the projections was lost and is opened again', error);
    };
    const follow = { log, clock, ids, prefix: STREAM_PREFIX, after: this.position, signal, onError };
    for await (const seen of followLog(follow)) {
      if (!(await queue.put(seen))) break;
    }
    queue.close();
  }

  private async takeOrders(signal: AbortSignal): Promise<void> {
    const { orders, log, clock } = this.dependencies;
    if (!orders) return;
    const { ordersEveryMs, ordersAtOnce } = this.limits;
    const look = async () => {
      for (const order of await orders.pending(ordersAtOnce)) {
        if (signal.aborted) return;
        await orders.done(order.id, await this.inTurn(() => this.applier.carryOut(order, log)));
      }
    };
    const onError = (error: unknown) => this.onError("Operators' orders could not be carried out", error);
    await every(clock, ordersEveryMs, signal, look, onError);
  }

  private async take(seen: readonly SubscriptionMessage[]): Promise<void> {
    const events = seen.flatMap((each) => (each.kind === 'event' ? [each.event] : []));
    // The farthest, not the last: the log delivers earlier events again after a lost subscription.
    const position = seen.reduce<bigint | null>((farthest, each) => later(farthest, positionOf(each)), null);
    const now = this.dependencies.clock.now().getTime();
    const mayMove = events.length > 0 || now - this.checkpointAt >= this.limits.checkpointEveryMs;
    if (position !== null && mayMove) {
      await this.applier.advance(events, position, this.isBehind);
      this.checkpointAt = now;
    }
    if (seen.some(({ kind }) => kind === 'caught-up')) this.caughtUp = true;
  }

  private inTurn<Outcome>(task: () => Promise<Outcome>): Promise<Outcome> {
    const turn = this.busy.then(task);
    this.busy = turn.catch(() => undefined);
    return turn;
  }
}

const later = (a: bigint | null, b: bigint | null): bigint | null => {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
};

const isEnd = (message: SubscriptionMessage | undefined): boolean =>
  message?.kind === 'event' && endsExecution(message.event.type);
