import { sleep, type Clock } from '../runtime/clock.js';
import { positionOf, SubscriptionDropped, type EventLog, type SubscriptionMessage } from './event-log.js';
import type { Ids } from './ids.js';

type FollowLimits = Readonly<{
  /** The pause before a lost subscription is opened again, spread by up to half; it doubles up to the maximum. */
  initialPauseMs: number;
  maximumPauseMs: number;
}>;

const DEFAULT_FOLLOW_LIMITS: FollowLimits = { initialPauseMs: 200, maximumPauseMs: 10_000 };

type FollowOptions = Readonly<{
  log: EventLog;
  clock: Clock;
  ids: Ids;
  /** Of the streams' names. */
  prefix: string | readonly string[];
  /** Exclusive. */
  after: bigint | 'start';
  /** Ends the following, quietly. */
  signal: AbortSignal;
  /** Called with each loss; what follows comes from a new subscription. */
  onError: (error: unknown) => void;
  limits?: FollowLimits;
}>;

/** A subscription that does not end when its connection does: it goes on after the last position that it gave out. */
export async function* followLog(options: FollowOptions): AsyncGenerator<SubscriptionMessage, void, undefined> {
  const { log, clock, ids, prefix, signal, onError, limits = DEFAULT_FOLLOW_LIMITS } = options;
  let after = options.after;
  for (let losses = 0; !signal.aborted; losses++) {
    const begunAfter = after;
    try {
      for await (const seen of log.subscribe({ prefix, after, signal })) {
        if (signal.aborted) return;
        const position = positionOf(seen);
        // Never back, where something is delivered again.
        if (position !== null && (after === 'start' || position > after)) after = position;
        losses = 0;
        yield seen;
      }
      if (!signal.aborted) throw new Error('The subscription ended without being asked to');
    } catch (error) {
      if (signal.aborted) return;
      onError(error);
      // The server is there. What came since tells that it is not the same place again and again.
      if (error instanceof SubscriptionDropped && after !== begunAfter) continue;
    }
    await sleep(clock, pauseMs(limits, losses, ids.jitter()), signal);
  }
}

const pauseMs = ({ initialPauseMs, maximumPauseMs }: FollowLimits, losses: number, jitter: number) =>
  Math.min(maximumPauseMs, initialPauseMs * 2 ** losses) * (0.5 + jitter / 2);
