/** Recorded streams of every released shape. They are never edited: what was written must be read for ever. */
import { readdirSync, readFileSync } from 'node:fs';
import {
  allowedActions,
  type Action,
  summarise,
  type Summary,
  checkpointOf,
  type Checkpoint,
} from '../../src/domain/workflow/summary.js';
import type { WorkflowEvent } from '../../src/domain/workflow/events.js';
import { pauseStateOf, type PauseState, type ExistingWorkflow } from '../../src/domain/workflow/state.js';
import { upcast } from '../../src/domain/workflow/event-shapes.js';
import { given } from '../support/given.js';
import { EVENT_TYPES } from '../support/event-types.js';

type Recorded = Readonly<{
  describes: string;
  expected: Readonly<{
    /** The time at which the summary was asked for. */
    now: string;
    summary: Summary;
    /** Not in the histories of the time before it. */
    pauseState?: PauseState | null;
    allowedActions: readonly Action[];
    steps: readonly Readonly<{ status: string; attempt: number; generation: number; tries: number }>[];
    checkpoint: Checkpoint;
  }>;
  events: readonly Readonly<{ type: string; data: unknown }>[];
}>;

const folder = new URL('../histories/', import.meta.url);
const recordings = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({ name, ...(JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Recorded) }));

const readAll = (events: Recorded['events']): readonly WorkflowEvent[] =>
  events.map(({ type, data }) => upcast(type, data)).filter((event) => event !== null);

describe('recorded histories', () => {
  test.each(recordings)('$name: $describes', ({ events, expected }) => {
    const state = given(...readAll(events)).state() as ExistingWorkflow;
    expect({
      now: expected.now,
      summary: summarise(state, new Date(expected.now)),
      ...(expected.pauseState !== undefined && { pauseState: pauseStateOf(state) }),
      allowedActions: allowedActions(state),
      steps: state.steps.map(({ status, attempt, generation, tries }) => ({ status, attempt, generation, tries })),
      checkpoint: checkpointOf(state),
    }).toEqual(expected);
  });

  test.each(recordings)('$name: an event of a later version is passed over', ({ events, expected }) => {
    const later = events.flatMap((event) => [event, { type: 'StepPraised', data: { by: 'reader' } }]);
    const state = given(...readAll(later)).state() as ExistingWorkflow;
    expect(summarise(state, new Date(expected.now))).toEqual(expected.summary);
  });

  test('hold every type of event', () => {
    const types = new Set(recordings.flatMap(({ events }) => events.map(({ type }) => type)));
    expect([...types].sort()).toEqual(EVENT_TYPES);
  });
});
