/** Between the log and the fold: events of every released shape become events of today's shape. */
import { shownValue } from '../shape.js';
import { eventShapes } from './event-shapes.js';
import type { WorkflowEvent } from './events.js';

export const isKnownType = (type: string): type is WorkflowEvent['type'] => Object.hasOwn(eventShapes, type);

/**
 * Null for a type that this version does not know: it is kept and shown, and a fold passes over it. Members that this
 * version does not know stay where they are.
 * @throws where a known event does not hold what it should: which member, what was expected, what came
 */
export const upcast = (type: string, data: unknown): WorkflowEvent | null => {
  if (!isKnownType(type)) return null;
  const wrong = eventShapes[type](data);
  if (wrong) {
    const place = wrong.path === '' ? 'as its data' : `at ${wrong.path}`;
    throw new Error(`Event ${type}: expected ${wrong.expected} ${place}, got ${shownValue(wrong.got)}`);
  }
  return { type, data } as WorkflowEvent;
};
