/** Which events a subscription is about. */
import type { WebhookFilter } from './webhook.js';

/** @param pattern an exact name, or a beginning with `*` behind it */
const matchesType = (pattern: string, type: string): boolean =>
  pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;

/** What can be told from the event alone; its project may have to be looked up. */
export const mayMatch = (
  { eventTypes, executionId }: WebhookFilter,
  event: Readonly<{ type: string; executionId: string }>,
): boolean =>
  (executionId === null || executionId === event.executionId) &&
  (eventTypes.length === 0 || eventTypes.some((pattern) => matchesType(pattern, event.type)));

/** Of the patterns, those that no known type answers to. */
export const unknownTypes = (patterns: readonly string[], known: readonly string[]): readonly string[] =>
  patterns.filter((pattern) => !known.some((type) => matchesType(pattern, type)));
