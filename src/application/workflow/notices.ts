/** What an operator has to hear of, as one line. The instance that appended the events logs it, once they are in the log. */
import type { WorkflowEvent } from '../../domain/workflow/events.js';
import type { StepError } from '../../domain/workflow/retry-policy.js';
import type { Level, Notify } from '../runtime/errors.js';
import type { AppendedEvent } from './fold-cache.js';

const LONGEST_MESSAGE = 200;

/** Agents write the message of an error: one line, of a bounded length. */
const describeError = ({ type, code, message }: StepError): string =>
  `${type} ${code}: ${message.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, LONGEST_MESSAGE)}`;

/** Notices of one append: a failed execution is one notice, not a second one for its step. */
export const noticesOf = (executionId: string, appended: readonly AppendedEvent[], notify: Notify): void => {
  for (const { event } of appended) {
    const notice = noticeOf(event, () => triedBefore(appended));
    if (notice) notify(notice[0], `Execution ${executionId}${notice[1]}`);
  }
};

const noticeOf = (event: WorkflowEvent, tried: () => string): Readonly<[Level, string]> | undefined => {
  if (event.type === 'WorkflowFailed')
    return ['error', ` failed at step ${event.data.step}${tried()}, ${describeError(event.data.error)}`];
  if (event.type === 'StepSkipped')
    return ['warn', `: step ${event.data.step} is skipped${tried()}, ${describeError(event.data.error)}`];
  if (event.type === 'WorkflowPaused' && event.data.exhausted) {
    const { step, error } = event.data.exhausted;
    return ['warn', ` waits for an operator: step ${step} has used up its retries, ${describeError(error)}`];
  }
  if (event.type === 'StepInterrupted')
    return ['log', `: step ${event.data.step} is handed over by ${event.data.worker} (${event.data.cause})`];
  return undefined;
};

const triedBefore = (appended: readonly AppendedEvent[]): string => {
  const failed = appended.map(({ event }) => event).findLast((event) => event.type === 'StepFailed');
  if (failed?.type !== 'StepFailed') return '';
  const { rule, attempt, of } = failed.data.decision;
  return rule === 'attempts_exhausted' ? `, retries exhausted after attempt ${attempt} of ${of}` : '';
};

type CircuitState = 'closed' | 'open' | 'half_open';

/** A trial is no news, nor is an agent that still fails in it; an agent that answers again is. */
export const circuitNotice = (
  agent: string,
  before: CircuitState,
  after: CircuitState,
  trialAt: number,
  notify: Notify,
): void => {
  if (after === before || (before === 'half_open' && after === 'open')) return;
  if (after === 'open')
    notify(
      'warn',
      `Agent ${agent}: its circuit is open on this instance, no call before ${new Date(trialAt).toISOString()}`,
    );
  else if (after === 'closed') notify('log', `Agent ${agent}: its circuit is closed again on this instance`);
};
