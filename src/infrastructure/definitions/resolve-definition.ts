import type { StepDefinition, WorkflowDefinition } from '../../domain/workflow/definition.js';
import type { DefinitionFile, StepFile } from './schema.js';
import { statesOf } from './states.js';

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const LONGEST_INTERVAL_MS = 86_400_000;

/** Turns a valid file into the domain's definition, with every default written out. */
export const resolveDefinition = ({ name, document_type, steps }: DefinitionFile): WorkflowDefinition => ({
  name,
  documentType: document_type ?? documentTypeOf(name),
  steps: steps.map(resolveStep),
});

/** `ib-generation` makes documents of type `ib`. */
const documentTypeOf = (name: string): string => name.replace(/(?<=.)-generation$/, '');

const resolveStep = (step: StepFile): StepDefinition => {
  const { running, completed } = statesOf(step);
  const { heartbeat_timeout_seconds: heartbeat } = step;
  const { initial_interval_ms, backoff_coefficient, maximum_interval_ms } = step.retry;
  return {
    name: step.name,
    agent: step.agent,
    required: step.required,
    timeoutMs: Math.max(1, Math.round(step.timeout_minutes * MINUTE_MS)),
    // Left out where there is none: a definition without it keeps its hash.
    ...(heartbeat !== undefined && { heartbeatTimeoutMs: Math.round(heartbeat * SECOND_MS) }),
    retry: {
      maximumAttempts: step.retry_on_failure ? step.max_retries + 1 : 1,
      initialIntervalMs: initial_interval_ms,
      backoffCoefficient: backoff_coefficient,
      maximumIntervalMs: maximum_interval_ms ?? Math.min(100 * initial_interval_ms, LONGEST_INTERVAL_MS),
    },
    // Absent where it says nothing new, so that a definition that does not use it keeps its hash.
    ...(step.on_exhausted === 'pause' && { onExhausted: 'pause' }),
    runningState: running,
    completedState: completed,
    weight: step.weight,
  };
};
