/** What a subscriber asks for, looked at before anything is kept. */
import { unknownTypes } from '../../domain/webhook/matching.js';
import type { WebhookFilter } from '../../domain/webhook/webhook.js';
import { eventShapes } from '../../domain/workflow/event-shapes.js';
import { InvalidRequest } from '../runtime/errors.js';

export type SubscribeRequest = Readonly<{ url: string; description: string | null; filter: WebhookFilter }>;

/** A type that nobody writes would be waited for in vain. */
export const refuseUnknown = (eventTypes: readonly string[]): void => {
  const known = Object.keys(eventShapes);
  const unknown = unknownTypes(eventTypes, known);
  if (unknown.length === 0) return;
  const message = `event_types: expected some of ${known.join(', ')}, or a beginning of them with * behind it; got ${unknown.slice(0, 5).join(', ')}`;
  throw new InvalidRequest('UNKNOWN_EVENT_TYPES', message, { unknown, known });
};

/** What may be shown of an address: not its query, which may hold a token. */
export const targetOf = (url: string): string => {
  const shown = new URL(url);
  shown.search = '';
  shown.hash = '';
  return shown.href;
};
