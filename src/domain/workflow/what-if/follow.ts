/**
 * A real history through other rules, command by command. What agents answered and what operators asked for stays as it was,
 * in the same order; what was decided of it is decided anew. Times move with the delays and timeouts that differ. Where an
 * answer would be needed that nobody gave, the course ends: of the rest nothing can be said.
 */
import { fold, unreachable } from '../../decider.js';
import { CommandRejected } from '../../errors.js';
import type { WorkflowDefinition } from '../definition.js';
import type { WorkflowEvent, WorkflowStarted } from '../events.js';
import { dueAfter, recordingIntervalMs } from '../heartbeat.js';
import { workflow } from '../index.js';
import { currentStep, type ExistingWorkflow, type RunningStep, type WorkflowState } from '../state.js';
import { commandOf, endOf, stepOf } from './command-of.js';
import { differencesOf, span, type Difference } from './difference.js';

/** What one command left in the log. */
export type Turn = Readonly<{ at: Date; events: readonly WorkflowEvent[] }>;

/** The same execution twice: as it was, and as it would have been. `other` is null from where nothing can be said. */
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
