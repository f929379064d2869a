import { checkpointOf, emptyCheckpoint } from '../../src/domain/workflow/summary.js';
import type { WorkflowEvent } from '../../src/domain/workflow/events.js';
import type { ExistingWorkflow } from '../../src/domain/workflow/state.js';
import { given } from '../support/given.js';
import * as h from '../support/histories.js';

const definition = h.twoSteps({ required: false });
const enrich = h.stepOf(definition, 0);
const compose = h.stepOf(definition, 1);
const after = (...events: WorkflowEvent[]) =>
  checkpointOf(given(h.workflowStarted(definition), ...events).state() as ExistingWorkflow);

test('before the first step it is empty', () => expect(after(enrich.started(1))).toEqual(emptyCheckpoint));

test('it holds the outputs of the completed steps; a later key replaces an earlier one whole', () =>
  expect(
    after(
      enrich.started(1),
      enrich.completed(1, { output: { facts: [1, 2], metadata: { source: 'label', language: 'en' } } }),
      compose.started(1),
      compose.completed(1, { output: { sections: ['7.1'], metadata: { source: 'outline' } } }),
    ),
  ).toEqual({
    last_completed_step: 'compose',
    intermediate_results: { facts: [1, 2], sections: ['7.1'], metadata: { source: 'outline' } },
  }));

test('a skipped step leaves nothing behind', () =>
  expect(after(enrich.started(1), enrich.failedForGood(1), enrich.skipped(1))).toEqual(emptyCheckpoint));

test('it outlives a pause, a failure of a later step and a cancellation', () => {
  const done = [enrich.started(1), enrich.completed(1, { output: { facts: 3 } })];
  const expected = { last_completed_step: 'enrich', intermediate_results: { facts: 3 } };
  expect(after(...done, h.paused())).toEqual(expected);
  expect(after(...done, compose.started(1), compose.failedForGood(1), compose.failedWorkflow())).toEqual(expected);
  expect(after(...done, compose.started(1), h.cancelled(compose.id))).toEqual(expected);
});

test('a key named __proto__ is a key like any other', () => {
  const output = JSON.parse('{"__proto__": {"polluted": true}}');
  const { intermediate_results } = after(enrich.started(1), enrich.completed(1, { output }));
  expect(Object.keys(intermediate_results)).toEqual(['__proto__']);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});
