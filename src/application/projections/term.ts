import type { OnError } from '../runtime/errors.js';
import { STREAM_PREFIX } from '../../domain/workflow/index.js';
import { sleep, type Clock, every } from '../runtime/clock.js';
import { positionOf, type EventLog, type SubscriptionMessage } from '../log/event-log.js';
import { followLog } from '../log/follow-log.js';
import type { Ids } from '../log/ids.js';
import type { PoisonOrders } from './admin/poison-orders.js';
import { Applier } from './applier.js';
import { BoundedQueue } from '../runtime/bounded-concurrency.js';
import { Progress } from './progress.js';
import type { Projection } from './projection.js';
import { followed, lowestPosition, type ProjectionSession, type ProjectionStore } from './projection-store.js';
import type { RunnerLimits } from './runner-limits.js';

export type RunnerPorts = Readonly<{
  store: ProjectionStore;
  log: EventLog;
  clock: Clock;
  ids: Ids;
  /** Not taken up where there are none. */
  orders?: PoisonOrders;
}>;
/** This instance's time as the one that writes: from getting the session to losing it. */
export class Term {
  /** Everything that was in the log when the subscription was opened is in the tables. */
  caughtUp = false;
  private readonly applier: Applier;
  private checkpointAt = 0;
  /** The last of the session's tasks: batches and healing take turns. */
  private busy: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly ports: RunnerPorts,
    private readonly projections: readonly Projection[],
    private readonly session: ProjectionSession,
    private readonly progress: ReadonlyMap<string, Progress>,
    private readonly limits: RunnerLimits,
    private readonly onError: OnError,
  ) {
    this.applier = new Applier(session, projections, progress, ports.clock, limits);
  }

  static async begin(
    ports: RunnerPorts,
    projections: readonly Projection[],
    session: ProjectionSession,
    limits: RunnerLimits,
    onError: OnError,
  ): Promise<Term> {
    const checkpoints = await ports.store.checkpoints();
    const poisoned = await ports.store.poisoned(limits.poisoned + 1);
    const progressOf = ({ table }: Projection) => {
      const held = poisoned.filter(({ projection }) => projection === table);
      return [table, new Progress(checkpoints.get(table) ?? null, held)] as const;
    };
    const present = followed(checkpoints, projections);
    return new Term(ports, present, session, new Map(present.map(progressOf)), limits, onError);
  }

  /** Heals what can be healed, then follows the log. Ends quietly on `ending` and when the session is lost. */
  async serve(ending: AbortSignal): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([ending, this.session.lost, over.signal]);
    const queue = new BoundedQueue<SubscriptionMessage>(this.limits.buffered);
    await this.heal().catch((error: unknown) => this.onError('Healing what is held back failed', error));
    const pumping = this.pump(queue, signal);
    const ordered = this.takeOrders(signal);
    const { batch, gatherAfter, gatherMs } = this.limits;
    const next = () => queue.take(batch);
    try {
      for (let seen = await next(); seen.length > 0; seen = await next()) {
        await this.inTurn(() => this.take(seen));
        const isBusy = seen.length >= gatherAfter && seen.length < batch;
        if (isBusy) await sleep(this.ports.clock, gatherMs, signal);
      }
    } finally {
      over.abort();
      queue.close();
      await pumping;
      await ordered;
      await this.busy;
    }
  }

  heal(): Promise<void> {
    return this.inTurn(() => this.applier.heal(this.ports.log));
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
    const { log, clock, ids } = this.ports;
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
    const { orders, log, clock } = this.ports;
    if (!orders) return;
    const { ordersEveryMs, ordersAtOnce } = this.limits;
    const look = async () => {
      for (const order of await orders.pending(ordersAtOnce)) {
        if (signal.aborted) return;
        await orders.done(order.id, await this.inTurn(() => this.applier.carryOut(order, log)));
      }
    };
    const told = (error: unknown) => this.onError("Operators' orders could not be carried out", error);
    await every(clock, ordersEveryMs, signal, look, told);
  }

  private async take(seen: readonly SubscriptionMessage[]): Promise<void> {
    const events = seen.flatMap((each) => (each.kind === 'event' ? [each.event] : []));
    // The farthest, not the last: what is delivered again is of before.
    const position = seen.reduce<bigint | null>((farthest, each) => later(farthest, positionOf(each)), null);
    const now = this.ports.clock.now().getTime();
    const mayMove = events.length > 0 || now - this.checkpointAt >= this.limits.checkpointEveryMs;
    if (position !== null && mayMove) {
      await this.applier.advance(events, position);
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
