/** What an operator has to hear of, as one line. Each is logged by the one instance that did it, once it is in the log. */
import type { WorkflowEvent } from '../../domain/workflow/events.js';
import type { StepError } from '../../domain/workflow/retry-policy.js';
import type { Level, Notify } from '../runtime/notices.js';
import type { AppendedEvent } from './outcome.js';

const LONGEST_MESSAGE = 200;

/** Agents write the message of an error: one line, of a bounded length. */
const said = ({ type, code, message }: StepError): string =>
  `${type} ${code}: ${message.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, LONGEST_MESSAGE)}`;

/** Of one append: an execution that fails says so once, and not of its step as well. */
export const noticesOf = (executionId: string, appended: readonly AppendedEvent[], tell: Notify): void => {
  for (const { event } of appended) {
    const notice = noticeOf(event, () => triedBefore(appended));
    if (notice) tell(notice[0], `Execution ${executionId}${notice[1]}`);
  }
};

const noticeOf = (event: WorkflowEvent, tried: () => string): Readonly<[Level, string]> | undefined => {
  if (event.type === 'WorkflowFailed')
    return ['error', ` failed at step ${event.data.step}${tried()}, ${said(event.data.error)}`];
  if (event.type === 'StepSkipped')
    return ['warn', `: step ${event.data.step} is skipped${tried()}, ${said(event.data.error)}`];
  if (event.type === 'WorkflowPaused' && event.data.exhausted) {
    const { step, error } = event.data.exhausted;
    return ['warn', ` waits for an operator: step ${step} has used up its retries, ${said(error)}`];
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

/** A trial is no news of its own, nor that the agent still fails: that it answers again is. */
export const circuitNotice = (
  agent: string,
  before: CircuitState,
  after: CircuitState,
  trialAt: number,
  tell: Notify,
): void => {
  if (after === before || (before === 'half_open' && after === 'open')) return;
  if (after === 'open')
    tell(
      'warn',
      `Agent ${agent}: its circuit is open on this instance, no call before ${new Date(trialAt).toISOString()}`,
    );
  else if (after === 'closed') tell('log', `Agent ${agent}: its circuit is closed again on this instance`);
};
