/** What operators order of an execution that a read table holds back. A stream for each; the events are a storage contract. */
import type { Decider, Message } from '../decider.js';
import { mustHold, record, text, time } from '../shape.js';

export type PoisonAction = 'retry' | 'skip';

type Order = Readonly<{
  orderId: string;
  projection: string;
  executionId: string;
  /** Of the event that cannot be applied, and what was wrong with it. */
  revision: string;
  error: string;
  actor: Readonly<{ type: string; id: string }>;
  reason: string;
  /** ISO-8601 UTC. */
  at: string;
}>;

type PoisonOrderEvent = Message<'PoisonRetryOrdered', Order> | Message<'PoisonSkipOrdered', Order>;
type PoisonOrderCommand = Message<'RetryPoison', Order> | Message<'SkipPoison', Order>;

export const POISON_STREAM_PREFIX = 'poison-';
export const poisonStream = (projection: string, executionId: string): string =>
  `${POISON_STREAM_PREFIX}${projection}-${executionId}`;

const order = record({
  ...{ orderId: text, projection: text, executionId: text, revision: text, error: text },
  ...{ actor: record({ type: text, id: text }), reason: text, at: time },
});

/** Null for a type that this version does not know. @throws where a known event does not hold what it should */
export const readPoisonOrderEvent = (type: string, data: unknown): PoisonOrderEvent | null => {
  if (type !== 'PoisonRetryOrdered' && type !== 'PoisonSkipOrdered') return null;
  mustHold(order, type, data);
  return { type, data: data as Order };
};

/** Each order is a fact of its own; the state is the number of them. */
export const poisonOrders: Decider<PoisonOrderCommand, number, PoisonOrderEvent> = {
  initialState: 0,
  decide: ({ type, data }) => [{ type: type === 'RetryPoison' ? 'PoisonRetryOrdered' : 'PoisonSkipOrdered', data }],
  evolve: (orders) => orders + 1,
};
