/** A history event by event: who, when, why, what it changed, and how the execution stood afterwards. Reads, and nothing else. */
import { type ExistingWorkflow, type WorkflowState, pauseStateOf } from '../../domain/workflow/state.js';
import { workflow } from '../../domain/workflow/index.js';
import { summarise } from '../../domain/workflow/summary.js';
import type { WorkflowEvent } from '../../domain/workflow/events.js';
import type { Actor } from '../log/envelope.js';
import type { RecordedEvent } from '../log/event-log.js';
import { readEvent } from '../projections/projection.js';

/** One event. `event` is null for a type that this version does not know: it changes nothing. Times are ISO-8601 UTC. */
export type StoryLine = Readonly<{
  recorded: RecordedEvent;
  event: WorkflowEvent | null;
  actor: Actor | null;
  reason: string | null;
  occurredAt: string | null;
  /** Null before the first event that this version knows. */
  after: StateView | null;
  changes: readonly Change[];
}>;

type StateView = Readonly<{
  current_state: string;
  pause_state: string | null;
  current_step: string | null;
  percent_complete: number;
  /** `all`, `none`, or the one step that may start. */
  released: string;
  steps: Readonly<Record<string, string>>;
}>;

/** `what` is a member of StateView, or a step's name. */
type Change = Readonly<{ what: string; from: string | null; to: string }>;

/** @throws where an event is not what this application writes; the lines before it have been yielded by then */
export function* story(events: Iterable<RecordedEvent>): Generator<StoryLine> {
  let state: WorkflowState = workflow.initialState;
  let before: StateView | null = null;
  for (const recorded of events) {
    const { event, metadata } = readEvent(recorded);
    if (event) state = workflow.evolve(state, event);
    const after: StateView | null = state.status === 'none' ? null : viewOf(state, recorded.recordedAt);
    yield {
      recorded,
      event,
      actor: metadata?.actor ?? null,
      reason: metadata?.reason ?? null,
      occurredAt: metadata?.occurredAt ?? null,
      after,
      changes: changesOf(before, after),
    };
    before = after;
  }
}

const viewOf = (state: ExistingWorkflow, now: Date): StateView => {
  const { state: current_state, step, percentComplete } = summarise(state, now);
  const { release } = state;
  const only = typeof release === 'object' ? state.steps.findIndex(({ id }) => id === release.only) : -1;
  return {
    current_state,
    pause_state: pauseStateOf(state),
    current_step: step,
    percent_complete: percentComplete,
    released: typeof release === 'string' ? release : (state.definition.steps[only]?.name ?? 'none'),
    steps: Object.fromEntries(
      state.steps.map(({ status, attempt, generation }, index) => [
        state.definition.steps[index]!.name,
        attempt === 0 ? status : `${status} ${attempt}${generation > 1 ? `/${generation}` : ''}`,
      ]),
    ),
  };
};

const MEMBERS = ['current_state', 'pause_state', 'current_step', 'percent_complete', 'released'] as const;

const changesOf = (before: StateView | null, after: StateView | null): readonly Change[] => {
  if (!after) return [];
  const shown = (value: string | number | null | undefined) => (value === undefined ? null : String(value ?? 'none'));
  const members = MEMBERS.map((what) => ({ what, from: shown(before?.[what]), to: shown(after[what]) ?? 'none' }));
  const steps = Object.entries(after.steps).map(([what, to]) => ({ what, from: before?.steps[what] ?? null, to }));
  return before ? [...steps, ...members].filter(({ from, to }) => from !== to) : [];
};
