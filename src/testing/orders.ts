/** What a test does: operators' commands as values, and time. */
import type { ControlOrder } from '../application/commands/control-workflow.js';
import type { JsonObject } from '../domain/json.js';
import { msOf, type Duration } from './duration.js';
import { mustHaveOnly, reasonFrom } from './input.js';

/** Of the start request, in the words of the API. */
export type StartOptions = Readonly<{
  /** `project` where it is left out. */
  projectId?: string;
  metadata?: JsonObject;
  triggeredBy?: string;
  /** True where it is left out; false: each step waits for `nextStep()` or `remaining()`. */
  autoExecute?: boolean;
  reason?: string;
}>;

type Verb = 'start' | 'pause' | 'resume' | 'cancel' | 'retry' | 'nextStep' | 'remaining' | 'passes';

/** One thing that a test does: made by the functions of this module. */
export type Order = Readonly<
  | { verb: 'start'; options: StartOptions }
  | { verb: 'passes'; ms: number }
  | { verb: 'retry'; step: string; reason: string | null }
  | { verb: Exclude<Verb, 'start' | 'passes' | 'retry'>; reason: string | null }
>;

export const start = (options: StartOptions = {}): Order => {
  mustHaveOnly('start()', options, ['projectId', 'metadata', 'triggeredBy', 'autoExecute', 'reason']);
  return { verb: 'start', options };
};
/** So much time passes, and no more: the steps that are due meanwhile are carried out. */
export const passes = (duration: Duration): Order => ({ verb: 'passes', ms: msOf(duration, 'passes()') });
export const pause = (reason?: string): Order => ({ verb: 'pause', reason: reasonFrom('pause()', reason) });
export const resume = (reason?: string): Order => ({ verb: 'resume', reason: reasonFrom('resume()', reason) });
export const cancel = (reason?: string): Order => ({ verb: 'cancel', reason: reasonFrom('cancel()', reason) });
/** @param step by its name */
export const retry = (step: string, reason?: string): Order => ({
  verb: 'retry',
  step,
  reason: reasonFrom('retry()', reason),
});
/** `next_step` of the API: the next step alone. */
export const nextStep = (reason?: string): Order => ({ verb: 'nextStep', reason: reasonFrom('nextStep()', reason) });
/** `remaining` of the API: all steps that are left. */
export const remaining = (reason?: string): Order => ({ verb: 'remaining', reason: reasonFrom('remaining()', reason) });

/** @throws TypeError where one was not made by a function of this module */
export const mustBeOrders = (orders: readonly Order[]): void => {
  const stray = orders.find((order: Partial<Order> | undefined) => typeof order?.verb !== 'string');
  if (orders.length === 0 || stray !== undefined || orders.includes(undefined as never))
    throw new TypeError(
      `when(): expected orders such as start() and passes({ minutes: 1 }), got ${orders.length === 0 ? 'none' : typeof stray}`,
    );
};

const COMMANDS = {
  pause: 'PauseWorkflow',
  resume: 'ResumeWorkflow',
  cancel: 'CancelWorkflow',
  nextStep: 'ExecuteNextStep',
  remaining: 'ExecuteRemaining',
} as const;

/** @param stepIds by the steps' names. @throws Error that names them */
export const commandOf = (
  order: Exclude<Order, { verb: 'start' | 'passes' }>,
  stepIds: ReadonlyMap<string, string>,
): ControlOrder => {
  if (order.verb !== 'retry') return { type: COMMANDS[order.verb], data: {} };
  const stepId = stepIds.get(order.step);
  if (stepId === undefined)
    throw new Error(
      `retry(): expected a step of the definition (${[...stepIds.keys()].join(', ')}), got ${JSON.stringify(order.step)}`,
    );
  return { type: 'RetryStep', data: { stepId } };
};
