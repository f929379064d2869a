/** Random walks through the decider: what operators, the saga and late reporters may do, in any order and at any time. */
import fc from 'fast-check';
import { CommandRejected } from '../../src/domain/decider.js';
import type { WorkflowCommand } from '../../src/domain/workflow/commands.js';
import type { WorkflowDefinition, WorkflowEvent } from '../../src/domain/workflow/events.js';
import { workflow } from '../../src/domain/workflow/index.js';
import { nextEffects } from '../../src/domain/workflow/next-effects.js';
import type { StepError } from '../../src/domain/workflow/retry-policy.js';
import { currentStep, type ExistingWorkflow, type WorkflowState } from '../../src/domain/workflow/state.js';
import { frozen } from '../support/given.js';
import { dateAt, fatal, ibGeneration, stepIdAt, transient, validation, workflowStarted } from '../support/histories.js';
import {
  cancel,
  complete,
  defer,
  expire,
  fail,
  interrupt,
  nextStep,
  pause,
  progress,
  remaining,
  resume,
  retry,
  start,
} from './commands.js';

type Verb =
  | 'saga'
  | 'retry'
  | 'complete'
  | 'fail'
  | 'interrupt'
  | 'start'
  | 'defer'
  | 'progress'
  | 'expire'
  | keyof typeof operators;
type Move = Readonly<{
  verb: Verb;
  /** Milliseconds since the move before. */
  wait: number;
  /** Which step and attempt it names, counted from the current ones: 0 is right, others are early or late. */
  stepOffset: number;
  attemptOffset: number;
  error: StepError;
  retryAfterMs: number | null;
  value: number;
  percent: number | null;
}>;

export type Walk = Readonly<{ definition: WorkflowDefinition; autoExecute: boolean; moves: readonly Move[] }>;

/** One command of a walk with what came of it; `events` is null where it was rejected. */
export type Turn = Readonly<{
  at: Date;
  command: WorkflowCommand;
  before: WorkflowState;
  events: readonly WorkflowEvent[] | null;
  after: ExistingWorkflow;
}>;

const operators = { pause, resume, cancel, nextStep, remaining };

const definitions: fc.Arbitrary<WorkflowDefinition> = fc
  .array(
    fc.record({
      required: fc.constantFrom(true, true, false),
      onExhausted: fc.constantFrom('fail' as const, 'pause' as const, 'pause' as const),
      // Two are used up often enough to be seen.
      maximumAttempts: fc.constantFrom(1, 2, 2, 2, 3, 4),
      timeoutMs: fc.constantFrom(1_500, 60_000, 600_000),
      heartbeatTimeoutMs: fc.constantFrom(undefined, 1_000, 5_000),
      weight: fc.integer({ min: 1, max: 40 }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((choices) => ({
    ...ibGeneration,
    steps: choices.map(({ maximumAttempts, heartbeatTimeoutMs, ...choice }, index) => {
      const step = { ...ibGeneration.steps[index]!, ...(heartbeatTimeoutMs !== undefined && { heartbeatTimeoutMs }) };
      return { ...step, ...choice, retry: { ...step.retry, maximumAttempts } };
    }),
  }));

/** Mostly the right step and attempt, so that walks get somewhere. */
const offset = fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1) });

const verbs: fc.Arbitrary<Verb> = fc.oneof(
  { weight: 12, arbitrary: fc.constant('saga' as const) },
  { weight: 8, arbitrary: fc.constantFrom('complete' as const, 'fail' as const) },
  { weight: 6, arbitrary: fc.constantFrom('defer' as const, 'progress' as const, 'progress' as const) },
  { weight: 3, arbitrary: fc.constantFrom('interrupt' as const, 'start' as const, 'expire' as const) },
  { weight: 4, arbitrary: fc.constantFrom('pause' as const, 'resume' as const, 'nextStep' as const) },
  { weight: 2, arbitrary: fc.constantFrom('remaining' as const, 'retry' as const) },
  { weight: 1, arbitrary: fc.constantFrom('retry' as const, 'cancel' as const) },
);

const moves: fc.Arbitrary<Move> = fc.record({
  verb: verbs,
  wait: fc.constantFrom(0, 1, 999, 1_000, 2_500, 10_000),
  stepOffset: offset,
  attemptOffset: offset,
  error: fc.constantFrom(transient, transient, transient, transient, transient, transient, validation, fatal),
  retryAfterMs: fc.constantFrom(null, null, 10, 5_000),
  value: fc.integer(),
  percent: fc.option(fc.double({ min: 0, max: 100, noNaN: true })),
});

export const walks: fc.Arbitrary<Walk> = fc.record({
  definition: definitions,
  autoExecute: fc.boolean(),
  moves: fc.array(moves, { minLength: 5, maxLength: 70, size: 'max' }),
});

export const workerLives = () => true;

export const take = ({ definition, autoExecute, moves: all }: Walk): readonly Turn[] => {
  const started = workflowStarted(definition, { autoExecute });
  const turns = [turn({ type: 'StartWorkflow', data: started.data, at: dateAt(0) }, workflow.initialState)];
  let ms = 0;
  for (const move of all) {
    ms += move.wait;
    const before = turns.at(-1)!.after;
    const command = commandOf(move, before, ms);
    if (command) turns.push(turn(command, before));
  }
  return turns;
};

export const historyOf = (turns: readonly Turn[]): readonly WorkflowEvent[] =>
  turns.flatMap(({ events }) => events ?? []);

/** Everything is frozen: a decide() or evolve() that mutates throws here. */
const turn = (command: WorkflowCommand, before: WorkflowState): Turn => {
  const events = accepted(frozen(command), frozen(before));
  const after = frozen((events ?? []).reduce(workflow.evolve, before)) as ExistingWorkflow;
  return { at: command.at, command, before, events, after };
};

const accepted = (command: WorkflowCommand, state: WorkflowState) => {
  try {
    return frozen(workflow.decide(command, state));
  } catch (error) {
    if (error instanceof CommandRejected) return null;
    throw error;
  }
};

const commandOf = (move: Move, state: ExistingWorkflow, ms: number): WorkflowCommand | undefined => {
  const current = currentStep(state);
  const index = (current?.index ?? state.steps.length - 1) + move.stepOffset;
  const step = { id: stepIdAt(index) };
  const attempt = (state.steps[index]?.attempt ?? 0) + move.attemptOffset;
  switch (move.verb) {
    case 'saga':
      return sagaCommand(state, ms);
    case 'start':
      return start(step, attempt + 1, ms, 'worker-b');
    case 'complete':
      return complete(step, attempt, ms, { value: move.value });
    case 'fail':
      return fail(step, attempt, ms, move);
    case 'interrupt':
      return interrupt(step, attempt, ms);
    case 'defer':
      return defer(step, attempt, ms);
    case 'progress':
      return progress(step, attempt, ms, { percent: move.percent, message: 'on its way' });
    case 'expire':
      return expire(step, attempt, ms);
    case 'retry':
      return retry(step, ms);
    case 'pause':
    case 'resume':
    case 'cancel':
    case 'nextStep':
    case 'remaining':
      return operators[move.verb](ms);
  }
};

const sagaCommand = (state: ExistingWorkflow, ms: number): WorkflowCommand | undefined => {
  const [effect] = nextEffects(state, dateAt(ms), workerLives);
  if (effect?.kind === 'RunStep') return start({ id: effect.stepId }, effect.attempt, ms);
  return effect?.kind === 'Report' ? { ...effect.command, at: dateAt(ms) } : undefined;
};
