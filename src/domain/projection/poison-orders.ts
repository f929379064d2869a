/** What operators order of an execution that a read table holds back. A stream for each; the events are a storage contract. */
import { isProven, type DutyActor } from '../access/duties.js';
import type { Decider, Message } from '../decider.js';
import { mustHold, record, text, time } from '../shape.js';
import { confirms } from './proposal.js';

export type PoisonAction = 'retry' | 'skip';

type Order = Readonly<{
  orderId: string;
  projection: string;
  executionId: string;
  /** Of the event that cannot be applied, and what was wrong with it. */
  revision: string;
  error: string;
  actor: DutyActor;
  reason: string;
  /** ISO-8601 UTC. */
  at: string;
}>;

type PoisonOrderEvent =
  | Message<'PoisonRetryOrdered', Order>
  /** By a proven actor; another one has to order the same. */
  | Message<'PoisonSkipProposed', Order>
  | Message<'PoisonSkipOrdered', Order>;
type PoisonOrderCommand = Message<'RetryPoison', Order> | Message<'SkipPoison', Order>;

export const POISON_STREAM_PREFIX = 'poison-';
export const poisonStream = (projection: string, executionId: string): string =>
  `${POISON_STREAM_PREFIX}${projection}-${executionId}`;

const order = record({
  ...{ orderId: text, projection: text, executionId: text, revision: text, error: text },
  ...{ actor: record({ type: text, id: text }), reason: text, at: time },
});

const TYPES: readonly string[] = [
  'PoisonRetryOrdered',
  'PoisonSkipProposed',
  'PoisonSkipOrdered',
] satisfies readonly PoisonOrderEvent['type'][];

/** Null for a type that this version does not know. @throws where a known event does not hold what it should */
export const readPoisonOrderEvent = (type: string, data: unknown): PoisonOrderEvent | null => {
  if (!TYPES.includes(type)) return null;
  mustHold(order, type, data);
  return { type, data } as PoisonOrderEvent;
};

/** `ordered`: ids of the latest orders that were given, which are to be carried out. */
export type PoisonOrdersState = Readonly<{ ordered: readonly string[]; skipProposed: Order | null }>;

const REMEMBERED_ORDERS = 100;

/** To skip an event takes two proven actors. One that nothing proves decides alone, as it would be no proof of two. */
export const poisonOrders: Decider<PoisonOrderCommand, PoisonOrdersState, PoisonOrderEvent> = {
  initialState: { ordered: [], skipProposed: null },
  decide: ({ type, data }, { skipProposed }) => {
    if (type === 'RetryPoison') return [{ type: 'PoisonRetryOrdered', data }];
    const ofSameEvent = skipProposed?.revision === data.revision ? skipProposed : null;
    const answer = isProven(data.actor) ? confirms(data, ofSameEvent) : 'confirmed';
    if (answer === 'waits') return [];
    return [{ type: answer === 'confirmed' ? 'PoisonSkipOrdered' : 'PoisonSkipProposed', data }];
  },
  evolve: (state, { type, data }) => {
    if (type === 'PoisonSkipProposed') return { ...state, skipProposed: data };
    return { ordered: [...state.ordered.slice(1 - REMEMBERED_ORDERS), data.orderId], skipProposed: null };
  },
};
