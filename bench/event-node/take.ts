import type { AllStreamSubscription, ReadRevision, StreamingRead } from '@eventstore/db-client';

type Reading = AllStreamSubscription | StreamingRead<{ event?: { revision: ReadRevision } }>;

/** Takes `wanted` events, then ends the call: leaving the loop alone would leave it open on the server. */
export async function take(reading: Reading, wanted: number): Promise<number> {
  let seen = 0;
  for await (const _ of reading) if (++seen === wanted) break;
  end(reading);
  if (seen !== wanted) throw new Error(`Expected ${wanted} events, got ${seen}`);
  return seen;
}

/** Not awaited: the client waits for the end of the stream, which it no longer reads. */
export function end(reading: Reading): void {
  reading.on('error', () => undefined);
  const ended = 'unsubscribe' in reading ? reading.unsubscribe() : reading.cancel();
  ended.catch(() => undefined);
  reading.destroy();
}
