/**
 * The released shapes of each event, as one: what every version wrote is required, what a version added is optional. The
 * fold and the read tables rely on what is named here. test/histories/ holds a recording of each shape.
 */
import {
  atLeast,
  flag,
  listOf,
  number,
  object,
  oneOf,
  orNull,
  record,
  text,
  time,
  whole,
  type Mismatch,
  type Shape,
  mustHold,
} from '../shape.js';
import type { WorkflowEvent } from './events.js';

const step = { stepId: text, step: text };
const attempt = { ...step, attempt: whole(1) };

const errorType = oneOf('transient', 'validation', 'fatal');
const error = record({ type: errorType, message: text, code: text });

const decision = record(
  {
    rule: oneOf('retry', 'error_not_retryable', 'step_not_retryable', 'attempts_exhausted'),
    attempt: whole(0),
    of: whole(1),
    delayMs: orNull(atLeast(0)),
    delaySource: orNull(oneOf('backoff', 'retry_after')),
  },
  { errorType, then: oneOf('retry', 'fail', 'skip', 'pause') },
);

const stepDefinition = record(
  {
    name: text,
    agent: text,
    required: flag,
    timeoutMs: number,
    retry: record({
      maximumAttempts: whole(1),
      initialIntervalMs: number,
      backoffCoefficient: number,
      maximumIntervalMs: number,
    }),
    runningState: text,
    completedState: text,
    weight: number,
  },
  { heartbeatTimeoutMs: number, onExhausted: oneOf('fail', 'pause') },
);

const started = record({
  executionId: text,
  projectId: text,
  documentType: text,
  triggeredBy: orNull(text),
  autoExecute: flag,
  metadata: object,
  definition: record(
    { name: text, documentType: text, steps: listOf(stepDefinition, { least: 1 }) },
    { separationOfDuties: record({ relax: listOf(text) }) },
  ),
  definitionHash: text,
  stepIds: listOf(text),
  requestHash: text,
});

/** Each step has its id at its own place: a fold of fewer would stand at a step that is none. */
const startedWhole: Shape = (value): Mismatch | undefined => {
  const found = started(value);
  if (found) return found;
  const { stepIds, definition } = value as Readonly<{
    stepIds: readonly string[];
    definition: Readonly<{ steps: readonly unknown[] }>;
  }>;
  if (stepIds.length === definition.steps.length) return undefined;
  return { path: 'stepIds', expected: `an array of ${definition.steps.length}, one for each step`, got: stepIds };
};

const artifact = record({ name: text, sha256: text, bytes: whole(0), contentType: text });
const nothing = record({});
const order = oneOf('retry', 'resume', 'next_step', 'remaining');

/** One line for each event type; the `satisfies` makes a forgotten one a compile error. */
export const eventShapes = {
  WorkflowStarted: startedWhole,
  WorkflowPaused: record(
    { stepInFlight: orNull(text) },
    { cause: oneOf('retries_exhausted'), exhausted: record({ ...step, error }) },
  ),
  WorkflowResumed: nothing,
  WorkflowCancelled: record({ stepInFlight: orNull(text) }),
  WorkflowCompleted: nothing,
  WorkflowFailed: record({ ...step, error }),
  NextStepRequested: record(step),
  RemainingStepsRequested: nothing,
  StepStarted: record(
    {
      ...attempt,
      generation: whole(1),
      agent: text,
      worker: text,
      startedAt: time,
      deadline: time,
      idempotencyKey: text,
    },
    { because: decision, inputHash: text },
  ),
  StepDeferred: record({ ...attempt, heartbeatTimeoutMs: orNull(number), heartbeatDueAt: orNull(time) }),
  StepProgressed: record({
    ...attempt,
    percent: orNull(number),
    message: orNull(text),
    at: time,
    heartbeatDueAt: orNull(time),
  }),
  StepCompleted: record(
    {
      ...attempt,
      generation: whole(1),
      output: object,
      artifacts: listOf(artifact),
      agentMetadata: object,
      durationMs: number,
    },
    { outputHash: text },
  ),
  StepFailed: record({ ...attempt, generation: whole(1), error, retryAt: orNull(time), decision, durationMs: number }),
  StepSkipped: record({ ...attempt, error }),
  StepInterrupted: record({ ...attempt, worker: text, cause: oneOf('shutdown', 'worker_lost') }),
  StepRetryRequested: record(
    { ...step, generation: whole(1), abandonedAttempt: orNull(whole(1)) },
    { order, earlier: orNull(record({ error, decision })) },
  ),
} satisfies Record<WorkflowEvent['type'], Shape>;

export const isKnownType = (type: string): type is WorkflowEvent['type'] => Object.hasOwn(eventShapes, type);

/**
 * Between the log and the fold: an event of any released shape as one of today's.
 * Null for a type that this version does not know: it is kept and shown, and a fold passes over it. Members that this
 * version does not know stay where they are.
 * @throws where a known event does not hold what it should: which member, what was expected, what came
 */
export const upcast = (type: string, data: unknown): WorkflowEvent | null => {
  if (!isKnownType(type)) return null;
  mustHold(eventShapes[type], type, data);
  return { type, data } as WorkflowEvent;
};
