import { randomUUID } from 'node:crypto';
import {
  AppendOutcomeUnknown,
  LogUnavailable,
  type EventLog,
  type NewEvent,
} from '../../src/application/log/event-log.js';

const event = (): NewEvent => ({ id: randomUUID(), type: 'Happened', data: {}, metadata: {} });

/** Appends one event after the other to one stream, each again until its outcome is known. */
export function busyWriter(log: EventLog, stream: string) {
  const acknowledged: string[] = [];
  let stopped = false;
  let retries = 0;
  const done = (async () => {
    let expected: bigint | 'none' = 'none';
    while (!stopped) {
      const one = event();
      for (;;) {
        try {
          expected = (await log.append(stream, [one], expected)).revision;
          break;
        } catch (error) {
          if (!(error instanceof AppendOutcomeUnknown || error instanceof LogUnavailable)) throw error;
          retries += 1;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
      acknowledged.push(one.id);
    }
  })();
  done.catch(() => undefined);
  return { acknowledged, retries: () => retries, stop: () => ((stopped = true), done) };
}
