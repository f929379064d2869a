import { STREAM_PREFIX } from '../../../domain/workflow/index.js';
import type { EventLog } from '../../log/event-log.js';

export type Lag = Readonly<{
  /** Executions' events that the log holds after the position. */
  events: number;
  /** False: too many to be counted; taken from how densely the first of them lie in the log. */
  counted: boolean;
  /** Since the log recorded the oldest of them; 0 where there is none. */
  seconds: number;
}>;

/** Events that are read in order to count them, at most. */
const COUNTED = 256;

/**
 * How far the log is ahead of a position. Reads at most `COUNTED` events, and none where the position is the log's last;
 * what other streams hold does not count.
 */
export const lagAfter = async (
  log: EventLog,
  position: bigint | 'start',
  head: bigint | 'start',
  now: Date,
): Promise<Lag> => {
  if (head === 'start' || (position !== 'start' && position >= head)) return { events: 0, counted: true, seconds: 0 };
  const read = await log.page(position, COUNTED);
  const due = read.filter(({ stream }) => stream.startsWith(STREAM_PREFIX));
  const oldest = due[0]?.recordedAt.getTime() ?? now.getTime();
  const seconds = Math.max(0, now.getTime() - oldest) / 1_000;
  const last = read.at(-1);
  if (!last || read.length < COUNTED || last.position >= head) return { events: due.length, counted: true, seconds };
  const [span, rest] = [Number(last.position - (position === 'start' ? 0n : position)), Number(head - last.position)];
  return { events: due.length + Math.round((due.length / span) * rest), counted: false, seconds };
};
