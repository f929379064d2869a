/** The saga's reports. A report counts only for the attempt that is running; any other changes nothing. */
import { unreachable } from '../decider.js';
import type { StepCommand } from './commands.js';
import type { StepDefinition, WorkflowEvent } from './events.js';
import { defer, heartbeatMissed, isSilent, progress } from './heartbeat.js';
import { decideRetry, type RetryDecision } from './retry-policy.js';
import { currentStep, isReleased, type CurrentStep, type ExistingWorkflow, type RunningStep } from './state.js';

type Command<Type extends StepCommand['type']> = Extract<StepCommand, { type: Type }> & Readonly<{ at: Date }>;

export const decideStep = (
  command: StepCommand & Readonly<{ at: Date }>,
  state: ExistingWorkflow,
): readonly WorkflowEvent[] => {
  if (command.type === 'StartStep') return start(command, state);
  const running = runningAttempt(state, command.data.stepId, command.data.attempt);
  if (!running) return [];

  switch (command.type) {
    case 'CompleteStep':
      return complete(command, state, running);
    case 'FailStep':
      return fail(command, state, running);
    case 'DeferStep':
      return defer(running, command.at);
    case 'ProgressStep':
      return progress(running, command.data, command.at);
    case 'ExpireHeartbeat': {
      if (!isSilent(running.step, command.at)) return [];
      const data = { ...command.data, error: heartbeatMissed(running.definition), retryAfterMs: null };
      return fail({ type: 'FailStep', at: command.at, data }, state, running);
    }
    case 'InterruptStep': {
      // An instance that takes the attempt for a lost worker's has not seen yet that the agent goes on by itself.
      if (running.step.deferred) return [];
      const { worker } = running.step;
      return [
        {
          type: 'StepInterrupted',
          data: { ...attemptOf(running), worker, cause: command.data.cause },
        },
      ];
    }
    default:
      return unreachable(command);
  }
};

/** This append is the claim: of two instances that start the same attempt, one finds it taken. */
const start = ({ at, data }: Command<'StartStep'>, state: ExistingWorkflow): readonly WorkflowEvent[] => {
  const current = currentStep(state);
  if (state.status !== 'running' || !current) return [];
  const { step, definition } = current;
  const due = step.status === 'pending' || (step.status === 'waiting' && Date.parse(step.retryAt) <= at.getTime());
  if (!due || step.id !== data.stepId || step.attempt !== data.attempt - 1 || !isReleased(state, step.id)) return [];
  return [
    {
      type: 'StepStarted',
      data: {
        stepId: step.id,
        step: definition.name,
        attempt: data.attempt,
        generation: step.generation,
        agent: definition.agent,
        worker: data.worker,
        startedAt: at.toISOString(),
        deadline: after(at, definition.timeoutMs),
        // One key for all attempts of a generation: a key per attempt would double the agent's effects.
        idempotencyKey: `${state.executionId}:${definition.name}:${step.generation}`,
        ...(data.inputHash !== undefined && { inputHash: data.inputHash }),
        ...(step.status === 'waiting' && { because: step.decision }),
      },
    },
  ];
};

const complete = (
  { at, data }: Command<'CompleteStep'>,
  state: ExistingWorkflow,
  running: RunningStep,
): readonly WorkflowEvent[] => {
  const { output, outputHash, artifacts, agentMetadata } = data;
  const completed: WorkflowEvent = {
    type: 'StepCompleted',
    data: {
      stepId: running.step.id,
      step: running.definition.name,
      attempt: running.step.attempt,
      generation: running.step.generation,
      output,
      ...(outputHash !== undefined && { outputHash }),
      artifacts,
      agentMetadata,
      durationMs: durationOf(running, at),
    },
  };
  return [completed, ...endIfLast(state, running)];
};

const fail = (
  { at, data }: Command<'FailStep'>,
  state: ExistingWorkflow,
  running: RunningStep,
): readonly WorkflowEvent[] => {
  const { step, definition } = running;
  const { error } = data;
  const decided = decideRetry(definition.retry, step.tries, error, data.retryAfterMs);
  const decision = { ...decided, then: whatFollows(decided, definition) };
  const retryAt = decision.delayMs === null ? null : after(at, decision.delayMs);
  const attempt = attemptOf(running);
  const failed: WorkflowEvent = {
    type: 'StepFailed',
    data: {
      ...attempt,
      generation: step.generation,
      error,
      retryAt,
      decision,
      durationMs: durationOf(running, at),
    },
  };
  const end = { stepId: step.id, step: definition.name, error };
  switch (decision.then) {
    case 'retry':
      return [failed];
    case 'fail':
      return [failed, { type: 'WorkflowFailed', data: end }];
    case 'pause':
      // Recorded even where an operator has paused before: from here on the pause has another reason.
      return [
        failed,
        { type: 'WorkflowPaused', data: { stepInFlight: null, cause: 'retries_exhausted', exhausted: end } },
      ];
    case 'skip':
      return [failed, { type: 'StepSkipped', data: { ...attempt, error } }, ...endIfLast(state, running)];
  }
};

/** A pause is for retries that were used up: a step or an error that is never retried has nothing to exhaust. */
const whatFollows = (
  { rule }: RetryDecision,
  { required, onExhausted }: StepDefinition,
): NonNullable<RetryDecision['then']> => {
  if (rule === 'retry') return 'retry';
  if (!required) return 'skip';
  return rule === 'attempts_exhausted' && onExhausted === 'pause' ? 'pause' : 'fail';
};

/** In-flight work may still report after a pause; after an end it may not. */
const runningAttempt = (state: ExistingWorkflow, stepId: string, attempt: number): RunningStep | undefined => {
  const current = currentStep(state);
  const live = state.status === 'running' || state.status === 'paused';
  if (!live || current?.step.status !== 'running') return undefined;
  return current.step.id === stepId && current.step.attempt === attempt ? (current as RunningStep) : undefined;
};

const attemptOf = ({ step, definition }: RunningStep) => ({
  stepId: step.id,
  step: definition.name,
  attempt: step.attempt,
});

const endIfLast = (state: ExistingWorkflow, { index }: CurrentStep): readonly WorkflowEvent[] =>
  index === state.steps.length - 1 ? [{ type: 'WorkflowCompleted', data: {} }] : [];

/** Never negative: the instance that ends an attempt may have another clock than the one that began it. */
const durationOf = ({ step }: RunningStep, at: Date) => Math.max(0, at.getTime() - Date.parse(step.startedAt));

const after = (at: Date, ms: number) => new Date(at.getTime() + ms).toISOString();
