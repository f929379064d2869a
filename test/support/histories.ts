/** Definitions and events with fixed ids and times. Times are milliseconds after T0; attempts and generations start at 1. */
import type { JsonObject } from '../../src/domain/json.js';
import type {
  StepDefinition,
  StepId,
  WorkflowDefinition,
  InterruptCause,
  RetryOrder,
  WorkflowEvent,
  WorkflowStarted,
} from '../../src/domain/workflow/events.js';
import type { RetryDecision, RetryPolicy, StepError } from '../../src/domain/workflow/retry-policy.js';

const T0 = Date.parse('2030-01-01T00:00:00.000Z');
export const dateAt = (ms: number): Date => new Date(T0 + ms);
export const iso = (ms: number): string => dateAt(ms).toISOString();

export const EXECUTION_ID = '11111111-1111-4111-8111-111111111111';
export const stepIdAt = (index: number): StepId => `22222222-2222-4222-8222-${String(index + 1).padStart(12, '0')}`;

/** `max_retries` 3 and the guide's delays: 1 s, 2 s, 4 s. */
export const fourAttempts: RetryPolicy = {
  maximumAttempts: 4,
  initialIntervalMs: 1_000,
  backoffCoefficient: 2,
  maximumIntervalMs: 60_000,
};
/** `retry_on_failure: false` */
export const oneAttempt: RetryPolicy = { ...fourAttempts, maximumAttempts: 1 };

export const transient: StepError = { type: 'transient', code: 'HTTP_503', message: 'The agent is not available' };
export const validation: StepError = { type: 'validation', code: 'MISSING_FACTS', message: 'No route is given' };
export const fatal: StepError = { type: 'fatal', code: 'HTTP_401', message: 'The agent refuses the key' };

const defineStep = (name: string, agent: string, words: readonly [string, string], rest: Partial<StepDefinition>) => ({
  name,
  agent,
  required: true,
  timeoutMs: 300_000,
  retry: fourAttempts,
  runningState: words[0],
  completedState: words[1],
  weight: 1,
  ...rest,
});

/** The six steps of the guide, each with the share of the whole that it usually takes. */
export const ibGeneration: WorkflowDefinition = {
  name: 'ib-generation',
  documentType: 'ib',
  steps: [
    defineStep('enrich', 'regdata', ['enriching', 'enriched'], { timeoutMs: 600_000, weight: 20 }),
    defineStep('compose', 'composer', ['composing', 'composed'], { weight: 10 }),
    defineStep('write', 'writer', ['writing', 'written'], { timeoutMs: 1_800_000, weight: 40 }),
    defineStep('validate', 'validator', ['validating', 'validated'], { retry: oneAttempt, weight: 10 }),
    defineStep('assemble', 'assembler', ['assembling', 'assembled'], { weight: 10 }),
    defineStep('export', 'export', ['exporting', 'completed'], { weight: 10 }),
  ],
};

/** The first steps of the guide's workflow, changed where a test needs it: enough for most rules. */
export const twoSteps = (first: Partial<StepDefinition> = {}, second: Partial<StepDefinition> = {}) => ({
  ...ibGeneration,
  steps: [
    { ...ibGeneration.steps[0]!, ...first },
    { ...ibGeneration.steps[1]!, ...second },
  ],
});

export const workflowStarted = (
  definition: WorkflowDefinition = twoSteps(),
  { autoExecute = true, metadata = {} }: { autoExecute?: boolean; metadata?: JsonObject } = {},
): Extract<WorkflowEvent, { type: 'WorkflowStarted' }> & { data: WorkflowStarted } => ({
  type: 'WorkflowStarted',
  data: {
    executionId: EXECUTION_ID,
    projectId: 'project-1',
    documentType: definition.documentType,
    triggeredBy: 'user-1',
    autoExecute,
    metadata,
    definition,
    definitionHash: 'd'.repeat(64),
    stepIds: definition.steps.map((_, index) => stepIdAt(index)),
    requestHash: 'e'.repeat(64),
  },
});

export const paused = (stepInFlight: StepId | null = null): WorkflowEvent => ({
  type: 'WorkflowPaused',
  data: { stepInFlight },
});
export const resumed: WorkflowEvent = { type: 'WorkflowResumed', data: {} };
export const cancelled = (stepInFlight: StepId | null = null): WorkflowEvent => ({
  type: 'WorkflowCancelled',
  data: { stepInFlight },
});
export const completed: WorkflowEvent = { type: 'WorkflowCompleted', data: {} };
export const remainingRequested: WorkflowEvent = { type: 'RemainingStepsRequested', data: {} };

/** The events of one step of a definition; a step's place in the definition gives its id. */
export const stepOf = (definition: WorkflowDefinition, index: number) => {
  const { name, agent, timeoutMs, heartbeatTimeoutMs, retry, required, onExhausted } = definition.steps[index]!;
  const id = stepIdAt(index);
  const step = { stepId: id, step: name };
  // The timeout and one second, within which a heartbeat need not be recorded.
  const heartbeatDueAt = (at: number) =>
    heartbeatTimeoutMs === undefined ? null : iso(at + heartbeatTimeoutMs + 1_000);
  const failed = (attempt: number, retryAt: string | null, decision: RetryDecision, more: Failure): WorkflowEvent => ({
    type: 'StepFailed',
    data: { ...step, attempt, generation: 1, error: transient, retryAt, decision, durationMs: 0, ...more },
  });
  return {
    id,
    name,
    /** `after`: the failure that this attempt retries automatically. */
    started: (attempt: number, { at = 0, generation = 1, worker = 'worker-a', after }: Start = {}): WorkflowEvent => ({
      type: 'StepStarted',
      data: {
        ...step,
        attempt,
        generation,
        agent,
        worker,
        startedAt: iso(at),
        deadline: iso(at + timeoutMs),
        idempotencyKey: `${EXECUTION_ID}:${name}:${generation}`,
        ...(after?.type === 'StepFailed' && { because: after.data.decision }),
      },
    }),
    deferred: (attempt: number, { at = 0 } = {}): WorkflowEvent => ({
      type: 'StepDeferred',
      data: { ...step, attempt, heartbeatTimeoutMs: heartbeatTimeoutMs ?? null, heartbeatDueAt: heartbeatDueAt(at) },
    }),
    /** `heartbeatDueAt` is null while the agent's connection is open. */
    progressed: (attempt: number, percent: number | null, { at = 0, message = null, isDeferred = true }: Said = {}) =>
      ({
        type: 'StepProgressed',
        data: {
          ...step,
          attempt,
          percent,
          message,
          at: iso(at),
          heartbeatDueAt: isDeferred ? heartbeatDueAt(at) : null,
        },
      }) satisfies WorkflowEvent,
    completed: (attempt: number, more: { generation?: number; output?: JsonObject; durationMs?: number } = {}) =>
      ({
        type: 'StepCompleted',
        data: { ...step, attempt, generation: 1, output: {}, artifacts: [], agentMetadata: {}, durationMs: 0, ...more },
      }) satisfies WorkflowEvent,
    /** Failed at `at`, and due again after `delayMs`. `try` is the attempt's number among those that count. */
    failedForNow: (attempt: number, { at = 0, delayMs = 1_000, source = 'backoff', ...more }: Retrying = {}) =>
      failed(
        attempt,
        iso(at + delayMs),
        {
          ...{ rule: 'retry', attempt: more.try ?? attempt, of: retry.maximumAttempts, delayMs, delaySource: source },
          ...{ errorType: (more.error ?? transient).type, then: 'retry' },
        },
        onlyFailure(more),
      ),
    failedForGood: (attempt: number, rule: RetryDecision['rule'] = 'error_not_retryable', more: Tried = {}) =>
      failed(
        attempt,
        null,
        {
          ...{ rule, attempt: more.try ?? attempt, of: retry.maximumAttempts, delayMs: null, delaySource: null },
          errorType: (more.error ?? transient).type,
          then: !required ? 'skip' : rule === 'attempts_exhausted' ? (onExhausted ?? 'fail') : 'fail',
        },
        onlyFailure(more),
      ),
    skipped: (attempt: number, error: StepError = transient): WorkflowEvent => ({
      type: 'StepSkipped',
      data: { ...step, attempt, error },
    }),
    interrupted: (attempt: number, cause: InterruptCause = 'worker_lost', worker = 'worker-a'): WorkflowEvent => ({
      type: 'StepInterrupted',
      data: { ...step, attempt, worker, cause },
    }),
    requested: { type: 'NextStepRequested', data: step } as WorkflowEvent,
    /** `after`: the failure at which the step stopped. */
    retryRequested: (
      generation: number,
      abandonedAttempt: number | null,
      { after, order = 'retry' }: { after?: WorkflowEvent; order?: RetryOrder } = {},
    ): WorkflowEvent => ({
      type: 'StepRetryRequested',
      data: { ...step, generation, abandonedAttempt, order, earlier: earlierOf(after) },
    }),
    pausedExhausted: (error: StepError = transient): WorkflowEvent => ({
      type: 'WorkflowPaused',
      data: { stepInFlight: null, cause: 'retries_exhausted', exhausted: { ...step, error } },
    }),
    failedWorkflow: (error: StepError = transient): WorkflowEvent => ({
      type: 'WorkflowFailed',
      data: { ...step, error },
    }),
  };
};

const earlierOf = (failure: WorkflowEvent | undefined) =>
  failure?.type === 'StepFailed' ? { error: failure.data.error, decision: failure.data.decision } : null;

type Start = { at?: number; generation?: number; worker?: string; after?: WorkflowEvent };
type Said = { at?: number; message?: string | null; isDeferred?: boolean };
type Failure = { generation?: number; error?: StepError; durationMs?: number };
type Tried = Failure & { try?: number };
type Retrying = Tried & { at?: number; delayMs?: number; source?: 'backoff' | 'retry_after' };

const onlyFailure = ({ generation = 1, error = transient, durationMs = 0 }: Failure): Failure => ({
  generation,
  error,
  durationMs,
});
