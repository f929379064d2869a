/** Between the log and the fold: events of every released shape become events of today's shape. */
import type { WorkflowEvent } from './events.js';

/** One line for each event type; the `satisfies` makes a forgotten one a compile error. */
const known = {
  WorkflowStarted: true,
  WorkflowPaused: true,
  WorkflowResumed: true,
  WorkflowCancelled: true,
  WorkflowCompleted: true,
  WorkflowFailed: true,
  NextStepRequested: true,
  RemainingStepsRequested: true,
  StepStarted: true,
  StepDeferred: true,
  StepProgressed: true,
  StepCompleted: true,
  StepFailed: true,
  StepSkipped: true,
  StepInterrupted: true,
  StepRetryRequested: true,
} satisfies Record<WorkflowEvent['type'], true>;

export const isKnownType = (type: string): type is WorkflowEvent['type'] => Object.hasOwn(known, type);

/**
 * Null for a type that this version does not know: it is kept and shown, and a fold passes over it.
 * @throws where a known event does not hold an object, as malformed JSON does
 */
export const upcast = (type: string, data: unknown): WorkflowEvent | null => {
  if (!isKnownType(type)) return null;
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    const got = data === null ? 'null' : Array.isArray(data) ? 'an array' : typeof data;
    throw new Error(`Event ${type}: expected a JSON object as its data, got ${got}`);
  }
  return { type, data } as WorkflowEvent;
};
