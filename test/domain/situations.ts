/** One history for each situation an operator can meet, with what the API says of it. Two steps: enrich, then compose. */
import type { Action } from '../../src/domain/workflow/summary.js';
import type { WorkflowEvent } from '../../src/domain/workflow/events.js';
import * as h from '../support/histories.js';

export const definition = h.twoSteps();
export const enrich = h.stepOf(definition, 0);
export const compose = h.stepOf(definition, 1);
const auto = h.workflowStarted(definition);
const manual = h.workflowStarted(definition, { autoExecute: false });

/** Enrich with one retry, after which it pauses. */
export const pausing = h.twoSteps({ onExhausted: 'pause', retry: { ...h.fourAttempts, maximumAttempts: 2 } });
export const exhausting = h.stepOf(pausing, 0);
export const lastFailure = exhausting.failedForGood(2, 'attempts_exhausted');
const exhaustedBy = (first: readonly WorkflowEvent[]) => [
  ...first,
  ...[exhausting.started(1), exhausting.failedForNow(1), exhausting.started(2), lastFailure],
  exhausting.pausedExhausted(),
];
const manuallyPausing = [h.workflowStarted(pausing, { autoExecute: false }), exhausting.requested];

export type Situation = Readonly<{ history: readonly WorkflowEvent[]; state: string; allowed: readonly Action[] }>;

const failed = [auto, enrich.started(1), enrich.failedForGood(1), enrich.failedWorkflow()];

const situations = {
  'running, nothing started': { history: [auto], state: 'created', allowed: ['pause', 'cancel'] },
  'running, a step under way': {
    history: [auto, enrich.started(1)],
    state: 'enriching',
    allowed: ['pause', 'retry', 'cancel'],
  },
  'running, between two steps': {
    history: [auto, enrich.started(1), enrich.completed(1)],
    state: 'enriched',
    allowed: ['pause', 'cancel'],
  },
  'running, interrupted': {
    history: [auto, enrich.started(1), enrich.interrupted(1)],
    state: 'enriching',
    allowed: ['pause', 'cancel'],
  },
  'waiting for a retry': {
    history: [auto, enrich.started(1), enrich.failedForNow(1)],
    state: 'enriching',
    allowed: ['pause', 'retry', 'cancel'],
  },
  'manual, idle': { history: [manual], state: 'created', allowed: ['pause', 'next_step', 'remaining', 'cancel'] },
  'manual, a step requested': {
    history: [manual, enrich.requested],
    state: 'created',
    allowed: ['pause', 'remaining', 'cancel'],
  },
  'manual, a step under way': {
    history: [manual, enrich.requested, enrich.started(1)],
    state: 'enriching',
    allowed: ['pause', 'retry', 'remaining', 'cancel'],
  },
  'manual, one step done': {
    history: [manual, enrich.requested, enrich.started(1), enrich.completed(1)],
    state: 'enriched',
    allowed: ['pause', 'next_step', 'remaining', 'cancel'],
  },
  'paused, idle': {
    history: [auto, h.paused()],
    state: 'paused',
    allowed: ['resume', 'next_step', 'remaining', 'cancel'],
  },
  'paused, idle, manual': {
    history: [manual, h.paused()],
    state: 'paused',
    allowed: ['resume', 'next_step', 'remaining', 'cancel'],
  },
  'paused with a running step': {
    history: [auto, enrich.started(1), h.paused(enrich.id)],
    state: 'paused',
    allowed: ['resume', 'retry', 'remaining', 'cancel'],
  },
  'paused, waiting for a retry': {
    history: [auto, enrich.started(1), h.paused(enrich.id), enrich.failedForNow(1)],
    state: 'paused',
    allowed: ['resume', 'retry', 'remaining', 'cancel'],
  },
  'paused, interrupted': {
    history: [auto, enrich.started(1), h.paused(enrich.id), enrich.interrupted(1)],
    state: 'paused',
    allowed: ['resume', 'retry', 'next_step', 'remaining', 'cancel'],
  },
  'paused, retries exhausted': {
    history: exhaustedBy([h.workflowStarted(pausing)]),
    state: 'paused',
    allowed: ['resume', 'retry', 'next_step', 'remaining', 'cancel'],
  },
  'paused, retries exhausted, manual': {
    history: exhaustedBy(manuallyPausing),
    state: 'paused',
    allowed: ['resume', 'retry', 'next_step', 'remaining', 'cancel'],
  },
  failed: { history: failed, state: 'failed', allowed: ['retry', 'cancel'] },
  completed: {
    history: [auto, enrich.started(1), enrich.completed(1), compose.started(1), compose.completed(1), h.completed],
    state: 'completed',
    allowed: [],
  },
  cancelled: { history: [auto, h.cancelled()], state: 'cancelled', allowed: [] },
  'cancelled after a failure': { history: [...failed, h.cancelled()], state: 'cancelled', allowed: [] },
} satisfies Record<string, Situation>;

export type SituationName = keyof typeof situations;
export const situation = (name: SituationName): Situation => situations[name];
export const situationNames = Object.keys(situations) as SituationName[];
