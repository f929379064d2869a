import { STREAM_PREFIX } from '../../domain/workflow/index.js';
import type { EventLog, RecordedEvent, SubscriptionMessage } from '../log/event-log.js';
import { followLog } from '../log/follow-log.js';
import type { Ids } from '../log/ids.js';
import { BoundedQueue } from '../runtime/bounded-concurrency.js';
import type { Clock } from '../runtime/clock.js';

type Span = Readonly<{
  /** Exclusive. */
  after: bigint | 'start';
  /** Inclusive. */
  to: bigint;
  /** Events that are taken at once, at most. */
  batch: number;
  signal: AbortSignal;
  onError: (error: unknown) => void;
  /** @param reached all events up to there have come; in the end that is `to`, perhaps with no event */
  take: (events: readonly RecordedEvent[], reached: bigint) => Promise<void>;
}>;

/** Everything of executions up to `to`, which the log has reached, in its order. Reading goes on while a batch is taken. */
export const readUntil = async (
  { log, clock, ids }: Readonly<{ log: EventLog; clock: Clock; ids: Ids }>,
  { after, to, batch, signal, onError, take }: Span,
): Promise<void> => {
  if (after !== 'start' && after >= to) return;
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const queue = new BoundedQueue<SubscriptionMessage>(2 * batch);
  const pump = async () => {
    for await (const seen of followLog({ log, clock, ids, prefix: STREAM_PREFIX, after, signal: either, onError })) {
      if (!(await queue.put(seen)) || isPast(seen, to)) break;
    }
  };
  const pumping = pump().finally(() => either.aborted && queue.close());
  try {
    for (let isOver = false; !isOver;) {
      const seen = await queue.take(batch);
      if (seen.length === 0) throw new Error('Reading the log was ended before the place that was asked for');
      const events = seen.flatMap((each) => (each.kind === 'event' && each.event.position <= to ? [each.event] : []));
      isOver = seen.some((each) => isPast(each, to));
      const reached = isOver ? to : lastPosition(events);
      if (reached !== null) await take(events, reached);
    }
  } finally {
    over.abort();
    queue.close();
    await pumping;
  }
};

/** Everything up to `to` has come before this. */
const isPast = (seen: SubscriptionMessage, to: bigint): boolean => {
  if (seen.kind === 'event') return seen.event.position >= to;
  return seen.kind === 'caught-up' || seen.position >= to;
};

const lastPosition = (events: readonly RecordedEvent[]): bigint | null => events.at(-1)?.position ?? null;
