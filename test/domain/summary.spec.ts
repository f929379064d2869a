import type { WorkflowEvent } from '../../src/domain/workflow/events.js';
import type { ExistingWorkflow } from '../../src/domain/workflow/state.js';
import { summarise, type Summary } from '../../src/domain/workflow/summary.js';
import { given } from '../support/given.js';
import * as h from '../support/histories.js';
import { situation } from './situations.js';
import type { SituationName } from './situations.js';

const NOW = 30_000;
const summaryOf = (history: readonly WorkflowEvent[]): Summary =>
  summarise(given(...history).state() as ExistingWorkflow, h.dateAt(NOW));

describe("the guide's words for the six steps, in order", () => {
  const steps = h.ibGeneration.steps.map((_, index) => h.stepOf(h.ibGeneration, index));
  const events = [h.workflowStarted(h.ibGeneration), ...steps.flatMap((step) => [step.started(1), step.completed(1)])];
  const after = (count: number) => summaryOf([...events, h.completed].slice(0, count));
  const due = h.iso(NOW);

  test.each([
    [1, 'created', null, 'enrich', 0, due],
    [2, 'enriching', 'enrich', null, 0, h.iso(600_000)],
    [3, 'enriched', 'enrich', 'compose', 20, due],
    [4, 'composing', 'compose', null, 20, h.iso(300_000)],
    [5, 'composed', 'compose', 'write', 30, due],
    [6, 'writing', 'write', null, 30, h.iso(1_800_000)],
    [7, 'written', 'write', 'validate', 70, due],
    [8, 'validating', 'validate', null, 70, h.iso(300_000)],
    [9, 'validated', 'validate', 'assemble', 80, due],
    [10, 'assembling', 'assemble', null, 80, h.iso(300_000)],
    [11, 'assembled', 'assemble', 'export', 90, due],
    [12, 'exporting', 'export', null, 90, h.iso(300_000)],
    // The last step is done and the whole is not yet: nobody reads `completed` beside 99 %.
    [13, 'exporting', 'export', null, 99, null],
    [14, 'completed', 'export', null, 100, null],
  ] as const)('after %d events: %s', (count, state, step, nextStep, percentComplete, nextActionAt) =>
    expect(after(count)).toEqual({ state, step, nextStep, percentComplete, nextActionAt }),
  );
});

describe('in the other situations', () => {
  test.each<[SituationName, Omit<Summary, 'state'>]>([
    ['running, interrupted', { step: 'enrich', nextStep: 'enrich', percentComplete: 0, nextActionAt: h.iso(NOW) }],
    ['waiting for a retry', { step: 'enrich', nextStep: null, percentComplete: 0, nextActionAt: h.iso(1_000) }],
    ['manual, idle', { step: null, nextStep: 'enrich', percentComplete: 0, nextActionAt: null }],
    ['manual, one step done', { step: 'enrich', nextStep: 'compose', percentComplete: 66, nextActionAt: null }],
    ['paused, idle', { step: null, nextStep: 'enrich', percentComplete: 0, nextActionAt: null }],
    [
      'paused with a running step',
      { step: 'enrich', nextStep: null, percentComplete: 0, nextActionAt: h.iso(600_000) },
    ],
    ['paused, waiting for a retry', { step: 'enrich', nextStep: null, percentComplete: 0, nextActionAt: null }],
    ['paused, retries exhausted', { step: 'enrich', nextStep: null, percentComplete: 0, nextActionAt: null }],
    ['failed', { step: 'enrich', nextStep: null, percentComplete: 0, nextActionAt: null }],
    ['completed', { step: 'compose', nextStep: null, percentComplete: 100, nextActionAt: null }],
    ['cancelled', { step: null, nextStep: null, percentComplete: 0, nextActionAt: null }],
  ])('%s', (name, expected) => {
    const { history, state } = situation(name);
    expect(summaryOf(history)).toEqual({ state, ...expected });
  });
});

describe('percent_complete', () => {
  const weighted = (first: number, second: number) => {
    const definition = h.twoSteps({ weight: first, required: false }, { weight: second });
    const step = h.stepOf(definition, 0);
    return { step, begun: [h.workflowStarted(definition), step.started(1)] };
  };

  test.each([
    [1, 2, 33],
    [2, 1, 66],
    [0.5, 0.5, 50],
    [1_000, 1, 99], // 99.9 would round to the 100 that only completion may show
  ])('weights %d and %d: after the first step %d', (first, second, percent) => {
    const { step, begun } = weighted(first, second);
    expect(summaryOf([...begun, step.completed(1)]).percentComplete).toBe(percent);
  });

  test('a skipped step counts as done', () => {
    const { step, begun } = weighted(1, 1);
    expect(summaryOf([...begun, step.failedForGood(1), step.skipped(1)]).percentComplete).toBe(50);
  });

  test('is never 100 before the completion is recorded, and 100 from then on', () => {
    const { history } = situation('completed');
    expect(summaryOf(history.slice(0, -1)).percentComplete).toBe(99);
    expect(summaryOf(history).percentComplete).toBe(100);
  });
});
