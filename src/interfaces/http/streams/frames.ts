/** Messages of `text/event-stream`. What many clients get is made once, and all of them are sent the same bytes. */
import type { LiveEvent, Told } from '../../../application/live/live-event.js';
import { eventMessage } from './event-message.js';

/** JSON has no line breaks, so that one `data` line holds it. */
export const frame = (name: string, id: bigint | null, data: unknown): string =>
  `${id === null ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

export const retryFrame = (ms: number): string => `retry: ${ms}\n\n`;

/** An id without data moves the client's place and is no event to it. */
export const beatFrame = (id: bigint | null): string => (id === null ? ': \n\n' : `: \nid: ${id}\n\n`);

type Rendered = Partial<Record<Told, Buffer>>;
const rendered = new WeakMap<LiveEvent, Rendered>();

/** @param id where the client stands with it; another than the event's own only for what comes late */
export const eventFrame = (told: Told, id: bigint, live: LiveEvent): Buffer | string => {
  if (id !== live.position) return frame(told, id, eventMessage(live));
  const frames = rendered.get(live) ?? {};
  rendered.set(live, frames);
  return (frames[told] ??= Buffer.from(frame(told, id, eventMessage(live))));
};
