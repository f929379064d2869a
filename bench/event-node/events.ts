import { randomUUID } from 'node:crypto';
import { jsonEvent, type EventStoreDBClient } from '@eventstore/db-client';

/** Events of one stream, as many as a workflow of six steps appends. */
const EVENTS_PER_STREAM = 7;
const FILLING = 'x'.repeat(960);

/** About 1 KB of JSON. */
const kilobyteEvent = (index = 0) =>
  jsonEvent({ id: randomUUID(), type: 'StepCompleted', data: { index, output: FILLING } });

/** The client has two ways to append: with credentials a call of its own for each, without them one stream for all. */
export type Way = 'Append' | 'BatchAppend';
export const WAYS: readonly Way[] = ['Append', 'BatchAppend'];
const CREDENTIALS = { Append: { credentials: { username: 'nobody', password: 'none' } }, BatchAppend: {} };

/** Each caller writes streams of its own, one after the other, each append at the revision that it expects. */
export function appender(client: EventStoreDBClient, way: Way): (caller: number) => Promise<void> {
  const writing = new Map<number, { stream: string; events: number }>();
  return async (caller) => {
    let at = writing.get(caller);
    if (!at || at.events === EVENTS_PER_STREAM) at = { stream: `bench-${randomUUID()}`, events: 0 };
    const expectedRevision = at.events === 0 ? 'no_stream' : BigInt(at.events - 1);
    await client.appendToStream(at.stream, kilobyteEvent(at.events), { expectedRevision, ...CREDENTIALS[way] });
    writing.set(caller, { ...at, events: at.events + 1 });
  };
}

/** The client's own `dispose` ends calls only. */
export async function closeClient(client: EventStoreDBClient): Promise<void> {
  await client.dispose();
  (await (client as unknown as { getChannel(): Promise<{ close(): void }> }).getChannel()).close();
}
