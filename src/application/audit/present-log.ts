import type { EventLog, RecordedEvent } from '../event-log.js';

/** The log as it is now, in its order, of streams with one of these prefixes. */
export async function* presentLog(
  log: EventLog,
  prefix: string | readonly string[],
): AsyncGenerator<RecordedEvent, void, undefined> {
  const ending = new AbortController();
  try {
    for await (const seen of log.subscribe({ prefix, after: 'start', signal: ending.signal })) {
      if (seen.kind === 'caught-up') return;
      if (seen.kind === 'event') yield seen.event;
    }
  } finally {
    ending.abort();
  }
}
