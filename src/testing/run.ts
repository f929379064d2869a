/** What came of a test: the execution as clients see it, and what its history says, in the order in which it happened. */
import type { AgentCall, AgentInput } from '../application/agents/agents.js';
import type { EventView, ExecutionView, StepView } from '../application/queries/read-model.js';
import type { JsonObject } from '../domain/json.js';
import type { StepFailed, WorkflowEvent } from '../domain/workflow/events.js';
import type { StepError } from '../domain/workflow/retry-policy.js';
import type { Action } from '../domain/workflow/summary.js';
import { inSeconds } from './duration.js';

/** One call of an agent. Times are milliseconds of virtual time since the test began. */
export type Attempt = Readonly<{
  step: string;
  agent: string;
  /** From 1, and absolute: an operator's retry counts on. */
  attempt: number;
  input: AgentInput;
  /** The same for all attempts of a generation. */
  idempotencyKey: string;
  startedAt: number;
  /** Since the step's attempt before ended; null for the first. */
  waited: number | null;
  /** `abandoned`: an operator retried or cancelled meanwhile. */
  ended: 'completed' | 'failed' | 'abandoned' | 'interrupted' | null;
  endedAt: number | null;
  error: StepError | null;
  /** The heartbeats that were recorded. */
  progress: readonly Readonly<{ at: number; percent: number | null; message: string | null }>[];
}>;

/** An event of the history. */
export type Happened = Readonly<{
  type: string;
  /** Milliseconds of virtual time since the test began. */
  at: number;
  /** Null for an event of the whole execution. */
  step: string | null;
  attempt: number | null;
  /** Who caused it: `user`, `agent` or `system`, and its id. */
  actor: Readonly<{ type: string; id: string }> | null;
  /** That the operator gave; null where none was given. */
  reason: string | null;
  data: JsonObject;
}>;

/** A file that a completed step made. */
export type MadeFile = Readonly<{ step: string; name: string; contentType: string; content: Uint8Array }>;

export type Run = Readonly<{
  /** `current_state` of the API: `created`, the states of the steps, `paused`, `completed`, `failed`, `cancelled`. */
  state: string;
  percentComplete: number;
  /** What an operator may do now. */
  allowedActions: readonly Action[];
  /** Virtual time since the test began, milliseconds. */
  elapsed: number;
  /** What the completed steps answered, one laid over the other: what the next step would be sent. */
  outputs: JsonObject;
  files: readonly MadeFile[];
  attempts: readonly Attempt[];
  events: readonly Happened[];
  /** A line for each event: what happened when, and why. */
  story: readonly string[];
  /** The rows of `workflow_executions` and, by the steps' names, of `workflow_steps`. */
  execution: ExecutionView;
  steps: Readonly<Record<string, StepView>>;
}>;

type History = Readonly<{ startedAt: Date; events: readonly EventView[]; calls: readonly AgentCall[] }>;

export const happenedIn = ({ startedAt, events }: History): readonly Happened[] =>
  events.map(({ event_type: type, data, actor, reason, recorded_at }) => {
    const { step = null, attempt = null } = data as Readonly<{ step?: string; attempt?: number }>;
    const at = recorded_at.getTime() - startedAt.getTime();
    return { type, at, step, attempt, actor, reason, data: data as JsonObject };
  });

/** The event that ends an attempt, in a word. */
const ENDS: Readonly<Partial<Record<WorkflowEvent['type'], NonNullable<Attempt['ended']>>>> = {
  StepCompleted: 'completed',
  StepFailed: 'failed',
  StepInterrupted: 'interrupted',
  StepRetryRequested: 'abandoned',
  WorkflowCancelled: 'abandoned',
};

export const attemptsIn = (history: History): readonly Attempt[] => {
  const happened = happenedIn(history);
  const attempts: Attempt[] = [];
  happened.forEach((event, index) => {
    if (event.type !== 'StepStarted') return;
    const call = history.calls.find(({ input }) => input.step === event.step && input.attempt === event.attempt);
    // An attempt that was cancelled as it began may never have reached its agent.
    if (!call) return;
    const before = attempts.findLast(({ step }) => step === event.step);
    const own = happened.slice(index + 1).filter(({ step, attempt, type }) => isOf(event, { step, attempt, type }));
    const end = own.find(({ type }) => type in ENDS);
    attempts.push({
      step: call.input.step,
      agent: call.agent,
      attempt: call.input.attempt,
      input: call.input,
      idempotencyKey: call.idempotencyKey,
      startedAt: event.at,
      waited: before?.endedAt === undefined || before.endedAt === null ? null : event.at - before.endedAt,
      ended: end ? ENDS[end.type as WorkflowEvent['type']]! : null,
      endedAt: end?.at ?? null,
      error: end?.type === 'StepFailed' ? (end.data as unknown as StepFailed).error : null,
      progress: own.filter(({ type }) => type === 'StepProgressed').map(progressOf),
    });
  });
  return attempts;
};

type Named = Pick<Happened, 'type' | 'step' | 'attempt'>;

const isOf = (started: Happened, { type, step, attempt }: Named): boolean => {
  if (type === 'WorkflowCancelled') return true;
  return step === started.step && (attempt === started.attempt || type === 'StepRetryRequested');
};

const progressOf = ({ at, data }: Happened) => {
  const { percent, message } = progressIn(data);
  return { at, percent, message };
};

const progressIn = (data: JsonObject) => data as Readonly<{ percent: number | null; message: string | null }>;

/** `3 s StepFailed write #1: transient BUSY: The model is busy; retry in 2 s (attempt 1 of 4)` */
export const lineOf = ({ at, type, step, attempt, reason, data }: Happened): string => {
  const what = [type, step, attempt === null ? null : `#${attempt}`].filter((part) => part !== null).join(' ');
  const why = [detailOf(type, data), reason === null ? null : `reason: ${reason}`].filter((part) => part !== null);
  return `${inSeconds(at)} ${what}${why.length > 0 ? `: ${why.join('; ')}` : ''}`;
};

const detailOf = (type: string, data: JsonObject): string | null => {
  const { error, decision } = data as unknown as Partial<StepFailed>;
  if (type === 'WorkflowPaused') return (data['cause'] as string | undefined)?.replaceAll('_', ' ') ?? null;
  if (type === 'StepProgressed') {
    const { percent, message } = progressIn(data);
    return [percent === null ? null : `${percent} %`, message].filter((part) => part !== null).join(', ') || null;
  }
  if (!error) return null;
  const failure = `${error.type} ${error.code}: ${error.message}`;
  if (!decision) return failure;
  const { rule, delayMs, delaySource, attempt, of, then } = decision;
  const source = delaySource === 'retry_after' ? ', as the agent asked' : '';
  const next =
    delayMs === null ? `${then}, as ${rule.replaceAll('_', ' ')}` : `retry in ${inSeconds(delayMs)}${source}`;
  return `${failure}; ${next} (attempt ${attempt} of ${of})`;
};
