import type { EventLog, RecordedEvent } from '../log/event-log.js';

/** The log as it is now, in its order, of streams with one of these prefixes; after a position (exclusive). */
export async function* presentLog(
  log: EventLog,
  prefix: string | readonly string[],
  after: bigint | 'start' = 'start',
  until?: AbortSignal,
): AsyncGenerator<RecordedEvent, void, undefined> {
  const ending = new AbortController();
  const signal = until ? AbortSignal.any([until, ending.signal]) : ending.signal;
  try {
    for await (const seen of log.subscribe({ prefix, after, signal })) {
      if (seen.kind === 'caught-up') return;
      if (seen.kind === 'event') yield seen.event;
    }
  } finally {
    ending.abort();
  }
}
