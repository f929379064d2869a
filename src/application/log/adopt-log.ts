/** An operator's decision that the log which is there is the right one: the tables are made of it from now on. */
import { readWebhookEvent, webhook, webhookStream, type WebhookEvent } from '../../domain/webhook/webhook.js';
import type { Clock } from '../runtime/clock.js';
import { StreamTombstoned, type EventLog } from './event-log.js';
import type { Ids } from './ids.js';
import { differenceOf, identifyLog, lookAt, type LogMemory } from './log-identity.js';

/** A subscription as the log has it; null where it has none, or none any longer. */
type WebhookInLog = Readonly<{
  revision: bigint;
  disabled: Extract<WebhookEvent, { type: 'WebhookDisabled' }>['data'] | null;
}> | null;

export type AdoptionPlan = Readonly<{
  logId: string;
  /** Webhooks go on behind this: what came before is delivered to nobody. */
  head: bigint | 'start';
  webhooks: ReadonlyMap<string, WebhookInLog>;
}>;

/** What was done. */
export type Adopted = Readonly<{
  logId: string;
  /** Deliveries that waited, of events that may not be in this log. */
  givenUp: number;
  /** Subscriptions that this log does not have. */
  removed: readonly Readonly<{ id: string; target: string }>[];
}>;

/** Where all of it is kept. */
export interface LogAdoptions {
  /** How many instances run. */
  running(): Promise<number>;
  webhookIds(): Promise<readonly string[]>;
  /** All or nothing. @throws where a leader writes */
  carryOut(plan: AdoptionPlan): Promise<Adopted>;
}

type Ports = Readonly<{ log: EventLog; memory: LogMemory; adoptions: LogAdoptions; clock: Clock; ids: Ids }>;

/**
 * Empties what was made of the other log, to be made of this one at the next start. Nothing of the log itself is changed, but
 * that it gets an id where it has none.
 * @returns null where the tables are of this log already
 * @throws LogUnavailable, and while instances run
 */
export const adoptLog = async ({ log, memory, adoptions, clock, ids }: Ports): Promise<Adopted | null> => {
  const remembered = await memory.read();
  const look = await lookAt(log, remembered);
  if (differenceOf(remembered, look) === null) return null;
  const running = await adoptions.running();
  if (running > 0)
    throw new Error(`Expected no instance that runs, there are ${running}: stop them, and run this again`);
  const webhooks = new Map<string, WebhookInLog>();
  for (const id of await adoptions.webhookIds()) webhooks.set(id, await webhookIn(log, id));
  const logId = look.logId ?? (await identifyLog(log, clock, ids));
  return adoptions.carryOut({ logId, head: await log.head(), webhooks });
};

const webhookIn = async (log: EventLog, id: string): Promise<WebhookInLog> => {
  const events = await eventsOf(log, webhookStream(id));
  const known = events.flatMap(({ type, data }) => readWebhookEvent(type, data) ?? []);
  const state = known.reduce(webhook.evolve, webhook.initialState);
  const last = events.at(-1);
  if (!last || !state || state.status === 'removed') return null;
  const disabled = known.findLast((event) => event.type === 'WebhookDisabled');
  return { revision: last.revision, disabled: state.status === 'disabled' && disabled ? disabled.data : null };
};

const eventsOf = async (log: EventLog, stream: string) => {
  try {
    return (await log.read(stream)).events;
  } catch (error) {
    if (error instanceof StreamTombstoned) return [];
    throw error;
  }
};
