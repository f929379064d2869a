import { CommandRejected } from '../../src/domain/decider.js';
import { allowedActions, type Action, currentStateOf } from '../../src/domain/workflow/summary.js';
import type { WorkflowCommand } from '../../src/domain/workflow/commands.js';
import type { WorkflowDefinition } from '../../src/domain/workflow/events.js';
import { workflow } from '../../src/domain/workflow/index.js';
import { currentStep, type ExistingWorkflow } from '../../src/domain/workflow/state.js';
import { frozen, given } from '../support/given.js';
import { fourAttempts, twoSteps, validation, workflowStarted } from '../support/histories.js';
import { cancel, complete, fail, interrupt, nextStep, pause, remaining, resume, retry, start } from './commands.js';
import { situation, situationNames } from './situations.js';

describe('the state and the allowed actions of each situation', () => {
  test.each(situationNames)('%s', (name) => {
    const { history, state, allowed } = situation(name);
    const reached = given(...history).state() as ExistingWorkflow;
    expect({ state: currentStateOf(reached), allowed: allowedActions(reached) }).toEqual({ state, allowed });
  });
});

const HOUR = 3_600_000; // later than every retry is due
const MOST_ATTEMPTS = 2;
const MOST_GENERATIONS = 2;
const actions: readonly Action[] = ['pause', 'resume', 'retry', 'cancel', 'next_step', 'remaining'];

const stepToName = (state: ExistingWorkflow) => ({ id: (currentStep(state)?.step ?? state.steps[0]!).id });

const orderFor = (action: Action, state: ExistingWorkflow): WorkflowCommand => {
  const orders = {
    pause: pause(HOUR),
    resume: resume(HOUR),
    cancel: cancel(HOUR),
    retry: retry(stepToName(state), HOUR),
    next_step: nextStep(HOUR),
    remaining: remaining(HOUR),
  };
  return orders[action];
};

const reportsFor = (state: ExistingWorkflow): readonly WorkflowCommand[] => {
  const step = stepToName(state);
  const { attempt } = currentStep(state)?.step ?? state.steps[0]!;
  const reports = [
    complete(step, attempt, HOUR),
    fail(step, attempt, HOUR, { retryAfterMs: -HOUR }),
    fail(step, attempt, HOUR, { error: validation }),
    interrupt(step, attempt, HOUR),
  ];
  return attempt < MOST_ATTEMPTS ? [...reports, start(step, attempt + 1, 2 * HOUR)] : reports;
};

/** The state after the command; undefined where it is refused. */
const after = (state: ExistingWorkflow, command: WorkflowCommand): ExistingWorkflow | undefined => {
  try {
    return frozen(workflow.decide(command, state).reduce(workflow.evolve, state)) as ExistingWorkflow;
  } catch (error) {
    if (error instanceof CommandRejected) return undefined;
    throw error;
  }
};

/** Every state that commands can lead to, with at most MOST_ATTEMPTS attempts of a step. */
const reachable = (definition: WorkflowDefinition): readonly ExistingWorkflow[] => {
  const found = new Map<string, ExistingWorkflow>();
  const queue = [true, false].map(
    (autoExecute) => given(workflowStarted(definition, { autoExecute })).state() as ExistingWorkflow,
  );
  for (let state = queue.pop(); state; state = queue.pop()) {
    const key = JSON.stringify([state.status, state.release, state.steps]);
    if (found.has(key)) continue;
    found.set(key, state);
    const here = state;
    const commands = [...actions.map((action) => orderFor(action, here)), ...reportsFor(here)];
    const tooOften = ({ steps }: ExistingWorkflow) => steps.some(({ generation }) => generation > MOST_GENERATIONS);
    for (const command of commands) {
      const next = after(here, command);
      if (next && !tooOften(next)) queue.push(next);
    }
  }
  return [...found.values()];
};

describe('over all reachable states', () => {
  const twoAttempts = { ...fourAttempts, maximumAttempts: 2 };
  const states: readonly ExistingWorkflow[] = [
    ...reachable(twoSteps({ retry: twoAttempts }, { retry: twoAttempts })),
    ...reachable(twoSteps({ retry: twoAttempts, required: false }, { retry: twoAttempts, required: false })),
  ];

  test('there are many, of every status', () => {
    expect(states.length).toBeGreaterThan(500);
    expect(new Set(states.map(({ status }) => status))).toEqual(
      new Set(['running', 'paused', 'completed', 'failed', 'cancelled']),
    );
  });

  test.each(actions)('%s is allowed exactly where it is accepted and changes something', (action) => {
    const wrong = states.filter((state) => {
      const next = after(state, orderFor(action, state));
      const changes = next !== undefined && JSON.stringify(next) !== JSON.stringify(state);
      return changes !== allowedActions(state).includes(action);
    });
    expect(wrong.map(({ status, release, steps }) => ({ status, release, steps })).slice(0, 3)).toEqual([]);
  });

  test('no action is named twice', () => {
    const named = states.map(allowedActions);
    expect(named.filter((each) => new Set(each).size !== each.length)).toEqual([]);
  });
});
