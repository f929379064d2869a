import fc from 'fast-check';
import type { RecordedEvent } from '../../../src/application/log/event-log.js';
import { EVENT_TYPES } from '../../support/event-types.js';
import { expectedExecution, expectedSteps } from './expected-rows.js';
import { tablesOf } from './in-memory-tables.js';
import { EXECUTIONS, moves, playMoves, type Move } from './random-history.js';

const inAnyOrder = <Row>(rows: readonly Row[]) => rows.toSorted((a, b) => text(a).localeCompare(text(b)));
const text = (row: unknown) => (row as { id: string }).id;

/** Every prefix, not only the end: an error that a later event repairs is one all the same. */
const prefixesOf = (history: readonly RecordedEvent[]) => history.map((_, index) => history.slice(0, index + 1));

const always = (execution: number, ...verbs: readonly Move['verb'][]): readonly Move[] =>
  verbs.map((verb) => ({ execution, verb, waitMs: 4_000, errorType: 'transient', output: {} }));

/** What chance rarely does is always tried: retries that are used up pause and are resumed; steps on order; a step skipped. */
const rare = [
  ...always(
    0,
    'start',
    'start',
    'fail',
    'start',
    'pause',
    'fail',
    'resume',
    'start',
    'fail',
    'start',
    'fail',
    'cancel',
  ),
  ...always(1, 'start', 'next', 'start', 'complete', 'remaining', 'start', 'fail', 'start', 'fail'),
];

test('after each event of any valid history the rows are those of the domain state', async () => {
  const seen = new Set<string>();
  const causes = new Set<unknown>();
  await fc.assert(
    fc.asyncProperty(moves, async (played) => {
      const log = await playMoves(played);
      for (const executionId of EXECUTIONS) {
        const { events } = await log.read(`workflow-${executionId}`);
        for (const history of prefixesOf(events)) {
          const tables = tablesOf(history);
          expect(tables.get('workflow_executions')).toEqual([expectedExecution(history)]);
          expect(inAnyOrder(tables.get('workflow_steps')!)).toEqual(inAnyOrder(expectedSteps(history)));
          expect(tables.get('workflow_events')).toHaveLength(history.length);
        }
        for (const { type } of events) seen.add(type);
        for (const { data } of events) causes.add((data as { cause?: string } | null)?.cause);
      }
    }),
    { numRuns: 100, examples: [[rare]] },
  );
  // A property over histories that never complete, skip or retry anything would prove little.
  expect([...seen].sort()).toEqual([...EVENT_TYPES, 'WorkflowPraised'].sort());
  expect(causes).toContain('retries_exhausted');
});
