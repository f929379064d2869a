/** About how much memory an event takes: for bounds in bytes of what waits. */
import type { RecordedEvent, SubscriptionMessage } from './event-log.js';

/** Of its id, times, numbers and objects. */
const BYTES_BESIDE = 300;
const BYTES_OF_VALUE = 8;

/** @returns bytes, roughly: characters count once, all other values alike */
export const sizeOfEvent = ({ data, metadata }: RecordedEvent): number =>
  BYTES_BESIDE + sizeOf(data) + sizeOf(metadata);

/** The same of what may be no event. */
export const sizeOfMessage = (message: SubscriptionMessage): number =>
  message.kind === 'event' ? sizeOfEvent(message.event) : BYTES_OF_VALUE;

const sizeOf = (value: unknown): number => {
  if (typeof value === 'string') return BYTES_OF_VALUE + value.length;
  if (typeof value !== 'object' || value === null) return BYTES_OF_VALUE;
  let size = BYTES_OF_VALUE;
  if (Array.isArray(value)) for (const item of value) size += sizeOf(item);
  else for (const name in value) size += name.length + sizeOf((value as Record<string, unknown>)[name]);
  return size;
};
