/**
 * A real history through other rules, command by command. What agents answered and what operators asked for stays as it was,
 * in the same order; what was decided of it is decided anew. Times move with the delays and timeouts that differ. Where an
 * answer would be needed that no agent gave, the course ends: what follows is not known.
 */
import { fold, unreachable, CommandRejected } from '../../decider.js';
import type { WorkflowDefinition, WorkflowEvent, WorkflowStarted } from '../events.js';
import { dueAfter, recordingIntervalMs, heartbeatMissed } from '../heartbeat.js';
import { workflow } from '../index.js';
import {
  currentStep,
  type ExistingWorkflow,
  type RunningStep,
  type WorkflowState,
  stepAt,
  type CurrentStep,
} from '../state.js';
import type { OperatorCommand, StepCommand } from '../commands.js';
import { timedOut } from '../next-effects.js';
import { differencesOf, span, type Difference } from './difference.js';

type Command = Exclude<OperatorCommand, { type: 'StartWorkflow' }> | StepCommand;

/**
 * Which command led to these events. What they do not hold is not guessed.
 * @param events what one command left behind, none of them WorkflowStarted
 * @param before the execution as the command found it
 * @returns null where no command of today leads to them
 */
const commandOf = (events: readonly WorkflowEvent[], before: ExistingWorkflow): Command | null => {
  const first = events[0];
  switch (first?.type) {
    case 'WorkflowPaused':
      return { type: 'PauseWorkflow', data: {} };
    case 'WorkflowCancelled':
      return { type: 'CancelWorkflow', data: {} };
    case 'WorkflowResumed':
    case 'StepRetryRequested':
    case 'NextStepRequested':
    case 'RemainingStepsRequested':
      return operatorsOrder(events);
    case 'StepStarted': {
      const { stepId, attempt, worker } = first.data;
      return { type: 'StartStep', data: { stepId, attempt, worker } };
    }
    case 'StepDeferred':
      return { type: 'DeferStep', data: attemptOf(first.data) };
    case 'StepProgressed': {
      const { percent, message } = first.data;
      return { type: 'ProgressStep', data: { ...attemptOf(first.data), percent, message } };
    }
    case 'StepCompleted': {
      const { output, artifacts, agentMetadata } = first.data;
      return { type: 'CompleteStep', data: { ...attemptOf(first.data), output, artifacts, agentMetadata } };
    }
    case 'StepInterrupted':
      return { type: 'InterruptStep', data: { ...attemptOf(first.data), cause: first.data.cause } };
    case 'StepFailed': {
      const { error, decision } = first.data;
      if (endOf(first, before) === 'silence') return { type: 'ExpireHeartbeat', data: attemptOf(first.data) };
      // A Retry-After that was shorter than the back-off, or that came when nothing followed, was not written down.
      const retryAfterMs = decision.delaySource === 'retry_after' ? decision.delayMs : null;
      return { type: 'FailStep', data: { ...attemptOf(first.data), error, retryAfterMs } };
    }
    case 'WorkflowStarted':
    case 'WorkflowCompleted':
    case 'WorkflowFailed':
    case 'StepSkipped':
    case undefined:
      return null;
  }
};

/** How an attempt that failed came to its end: by its agent's answer, its deadline or a heartbeat that did not come. */
const endOf = (
  { data }: Extract<WorkflowEvent, { type: 'StepFailed' }>,
  before: ExistingWorkflow,
): 'answer' | 'deadline' | 'silence' => {
  const definition = stepOf(before, data.stepId)?.definition;
  if (!definition) return 'answer';
  const { code, message } = data.error;
  const deadline = timedOut(data.stepId, data.attempt, definition.timeoutMs);
  if (deadline.type === 'FailStep' && code === deadline.data.error.code && message === deadline.data.error.message)
    return 'deadline';
  const silence = heartbeatMissed(definition);
  return code === silence.code && message === silence.message ? 'silence' : 'answer';
};

const stepOf = (state: ExistingWorkflow, stepId: string): CurrentStep | undefined =>
  stepAt(
    state,
    state.steps.findIndex(({ id }) => id === stepId),
  );

const operatorsOrder = (events: readonly WorkflowEvent[]): Command => {
  const last = events.at(-1);
  if (last?.type === 'NextStepRequested') return { type: 'ExecuteNextStep', data: {} };
  if (last?.type === 'RemainingStepsRequested') return { type: 'ExecuteRemaining', data: {} };
  if (last?.type !== 'StepRetryRequested') return { type: 'ResumeWorkflow', data: {} };
  switch (last.data.order) {
    case 'resume':
      return { type: 'ResumeWorkflow', data: {} };
    case 'remaining':
      return { type: 'ExecuteRemaining', data: {} };
    case 'retry':
    case 'next_step':
    case undefined:
      return { type: 'RetryStep', data: { stepId: last.data.stepId } };
  }
};

const attemptOf = ({ stepId, attempt }: Readonly<{ stepId: string; attempt: number }>) => ({ stepId, attempt });

/** What one command left in the log. */
export type Turn = Readonly<{ at: Date; events: readonly WorkflowEvent[] }>;

/** The same execution twice: as it was, and as it would have been. `other` is null from where it is not known. */
export type Course = Readonly<{
  real: WorkflowState;
  other: WorkflowState | null;
  /** By how much later (or earlier) things would happen under the other rules, milliseconds. */
  shiftMs: number;
  /** When the turn before was. */
  before: Date | null;
}>;

export const beginning: Course = {
  real: workflow.initialState,
  other: workflow.initialState,
  shiftMs: 0,
  before: null,
};

/** The other rules: what the execution's own definition is replaced by. */
export type Rules = (definition: WorkflowDefinition) => WorkflowDefinition;

type Followed = Readonly<{ course: Course; differences: readonly Difference[] }>;

export const follow = (course: Course, turn: Turn, rules: Rules): Followed => {
  const real = fold({ ...workflow, initialState: course.real }, turn.events);
  const { other } = course;
  const next = { ...course, real, before: turn.at };
  if (other === null) return { course: next, differences: [] };
  const [first] = turn.events;
  if (first?.type === 'WorkflowStarted') {
    const data = underRules(first.data, rules);
    return {
      course: { ...next, other: workflow.evolve(other, { type: 'WorkflowStarted', data }) },
      differences: stepsDiffer(first.data.definition, data.definition),
    };
  }
  if (course.real.status === 'none' || other.status === 'none') return { course: next, differences: [] };
  const answer = decided(course.real, other, turn, course);
  const lost = answer.differences.some(({ isLast }) => isLast);
  return {
    course: {
      ...next,
      other: lost ? null : fold({ ...workflow, initialState: other }, answer.events),
      shiftMs: lost ? course.shiftMs : answer.at.getTime() - turn.at.getTime(),
    },
    differences: answer.differences,
  };
};

type Decided = Readonly<{ at: Date; events: readonly WorkflowEvent[]; differences: readonly Difference[] }>;

const decided = (real: ExistingWorkflow, other: ExistingWorkflow, turn: Turn, course: Course): Decided => {
  const command = commandOf(turn.events, real);
  const at = timeOf(real, other, turn, course);
  if (!command) return { at, events: turn.events, differences: [] };
  const wouldBeOver = overBefore(real, other, turn, at);
  if (wouldBeOver) return { at, events: [], differences: [wouldBeOver] };
  try {
    const events = workflow.decide({ ...command, at }, other);
    if (command.type === 'ProgressStep') return { at, events: heartbeat(turn.events, other, at), differences: [] };
    return { at, events, differences: differencesOf(turn.events, events, other) };
  } catch (error) {
    if (!(error instanceof CommandRejected)) throw error;
    const step = currentStep(other)?.definition.name ?? null;
    const difference = { kind: 'refused', step, real: 'accepted', other: error.message, isLast: true } as const;
    return { at, events: [], differences: [difference] };
  }
};

/** When it would have happened. */
const timeOf = (real: ExistingWorkflow, other: ExistingWorkflow, { at, events }: Turn, course: Course): Date => {
  const [first] = events;
  const [was, would] = [currentStep(real)?.step, currentStep(other)?.step];
  const moved = (due: number, otherDue: number) => new Date(at.getTime() - due + otherDue);
  if (first?.type === 'StepStarted' && was?.status === 'waiting' && would?.status === 'waiting') {
    // Due when its delay is over, and not before what happened last: a pause may have held it back.
    const last = (course.before ?? at).getTime();
    return moved(Math.max(Date.parse(was.retryAt), last), Math.max(Date.parse(would.retryAt), last + course.shiftMs));
  }
  if (first?.type === 'StepFailed' && was?.status === 'running' && would?.status === 'running') {
    const end = endOf(first, real);
    if (end === 'deadline') return moved(Date.parse(was.deadline), Date.parse(would.deadline));
    const [due, otherDue] = [was.deferred?.heartbeatDueAt, would.deferred?.heartbeatDueAt];
    if (end === 'silence' && due && otherDue) return moved(Date.parse(due), Date.parse(otherDue));
  }
  return new Date(at.getTime() + course.shiftMs);
};

/** Where the running attempt would have ended by itself before that, or would not have ended yet. */
const overBefore = (
  real: ExistingWorkflow,
  other: ExistingWorkflow,
  { events: [first] }: Turn,
  at: Date,
): Difference | null => {
  const [was, would] = [running(real), running(other)];
  if (!was || !would || was.step.id !== would.step.id) return null;
  const end = first?.type === 'StepFailed' ? endOf(first, real) : 'answer';
  const [timeout, otherTimeout] = [was.definition.timeoutMs, would.definition.timeoutMs];
  const [silence, otherSilence] = [heartbeatOf(was), heartbeatOf(would)];
  const of = (wasSo: string, wouldBe: string): Difference => ({
    kind: 'timeout',
    step: was.definition.name,
    real: wasSo,
    other: wouldBe,
    isLast: true,
  });
  switch (end) {
    case 'deadline':
      return otherTimeout > timeout
        ? of(`timed out after ${span(timeout)}`, `waited for until ${span(otherTimeout)}`)
        : null;
    case 'silence':
      return otherSilence > silence
        ? of(`given up after ${span(silence)} of silence`, `waited for ${spanOrDeadline(otherSilence)}`)
        : null;
    case 'answer': {
      const took = at.getTime() - Date.parse(would.step.startedAt);
      if (otherTimeout < timeout && took > otherTimeout)
        return of(`under way for ${span(took)}`, `timed out after ${span(otherTimeout)}`);
      const due = would.step.deferred?.heartbeatDueAt;
      // Of the heartbeats in between one interval of the real recording may not have been recorded.
      const isLate = due && at.getTime() > Date.parse(due) + recordingIntervalMs(was.definition);
      return otherSilence < silence && isLate ? of('went on', `given up after ${span(otherSilence)} of silence`) : null;
    }
    default:
      return unreachable(end);
  }
};

const running = (state: ExistingWorkflow): RunningStep | undefined => {
  const current = currentStep(state);
  return current?.step.status === 'running' ? (current as RunningStep) : undefined;
};

const heartbeatOf = ({ definition }: RunningStep) => definition.heartbeatTimeoutMs ?? Infinity;
const spanOrDeadline = (ms: number) => (ms === Infinity ? 'until its deadline' : `${span(ms)} of silence`);

/** Which heartbeats are recorded is no decision on the execution: each that was recorded counts. */
const heartbeat = (events: readonly WorkflowEvent[], other: ExistingWorkflow, at: Date): readonly WorkflowEvent[] =>
  events.map((event) => {
    if (event.type !== 'StepProgressed') return event;
    const definition = stepOf(other, event.data.stepId)?.definition;
    const isDeferred = running(other)?.step.deferred;
    return definition && isDeferred
      ? { ...event, data: { ...event.data, heartbeatDueAt: dueAfter(at, definition) } }
      : event;
  });

/** Steps are known by their names: one that both definitions have keeps its id. */
const underRules = (data: WorkflowStarted, rules: Rules): WorkflowStarted => {
  const definition = rules(data.definition);
  const ids = new Map(data.definition.steps.map(({ name }, index) => [name, data.stepIds[index]!]));
  return { ...data, definition, stepIds: definition.steps.map(({ name }) => ids.get(name) ?? `new step ${name}`) };
};

const stepsDiffer = (real: WorkflowDefinition, other: WorkflowDefinition): readonly Difference[] => {
  const [was, would] = [real, other].map(({ steps }) => steps.map(({ name }) => name).join(', '));
  return was === would ? [] : [{ kind: 'steps', step: null, real: was!, other: would!, isLast: false }];
};
