/** The invariants of agents that report by task token: the answers that they get are true, and an instance notices their silence. */
import type { Moment, StepModel } from './model.js';
import { isFinal } from './model.js';
import { TASK_FAILED, type Reported } from './tasks.js';

/** An instance without faults looks at due executions every five seconds. */
const NOTICED_WITHIN_MS = 30_000;

const timeOf = ({ event }: Moment) => event.recordedAt.getTime();

/** I11: a report counts only for its own attempt, and the answer to it is true. */
export const untrueAnswers = (moments: readonly Moment[], reported: readonly Reported[]): readonly string[] =>
  reported
    .filter((it) => !isTrue(moments, it))
    .map(({ ref, type, answer }) => {
      return `I11 a ${type} of ${ref.step}, attempt ${ref.attempt} was answered ${answer}, which is not so`;
    });

const isTrue = (moments: readonly Moment[], { ref, type, answer, sentAt, answeredAt }: Reported): boolean => {
  const isOwn = ({ data }: Moment) => data.step === ref.step && data.attempt === ref.attempt;
  const begun = moments.findIndex((moment) => moment.event.type === 'StepStarted' && isOwn(moment));
  const over = moments.findIndex(
    ({ after }, index) => index >= begun && !runs(moments[begun]!, after.steps, isFinal(after)),
  );
  if (begun < 0) return false;
  const endedAt = over < 0 ? Infinity : timeOf(moments[over]!);
  switch (answer) {
    case 'go on':
      return timeOf(moments[begun]!) <= answeredAt && endedAt >= sentAt;
    case 'over':
      return endedAt <= answeredAt;
    case 'recorded': {
      const recorded = moments.find((moment) => moment.event.type === RECORD[type] && isOwn(moment));
      const isIts = type === 'complete' || recorded?.data.error.code === TASK_FAILED;
      return recorded !== undefined && timeOf(recorded) <= answeredAt && isIts;
    }
  }
};

const RECORD = { heartbeat: 'StepProgressed', complete: 'StepCompleted', fail: 'StepFailed' };

const runs = ({ data }: Moment, steps: readonly StepModel[], isOver: boolean): boolean =>
  !isOver &&
  steps.some(({ id, status, attempt }) => id === data.stepId && status === 'running' && attempt === data.attempt);

/**
 * I8: an agent counts as silent only after its whole timeout, which begins anew with each heartbeat. I11: no instance takes
 * its attempt over. I18: without faults an instance notices its silence soon.
 */
export const silence = (moments: readonly Moment[], healedAt: number, now: number): readonly string[] =>
  moments.flatMap((moment, index) => {
    const { event, data, metadata, before, after } = moment;
    const [was, is] = [before, after].map(({ steps }) => steps.find(({ id }) => id === data.stepId));
    const occurredAt = Date.parse(metadata.occurredAt);
    const wrong: string[] = [];
    if (
      event.type === 'StepFailed' &&
      data.error.code === 'HEARTBEAT_TIMEOUT' &&
      !(was && occurredAt >= was.silentFrom)
    )
      wrong.push(`I8 revision ${index}: the agent of ${data.step} had not been silent for too long`);
    if (event.type === 'StepInterrupted' && was?.isDeferred)
      wrong.push(`I11 revision ${index}: the agent of ${data.step} goes on without a worker`);
    if ((event.type === 'StepDeferred' || event.type === 'StepProgressed') && is) {
      const { heartbeatTimeoutMs = Infinity } = is.definition;
      if (is.isDeferred && is.silentFrom - occurredAt < heartbeatTimeoutMs)
        wrong.push(`I8 revision ${index}: the agent of ${data.step} has less than ${heartbeatTimeoutMs} ms`);
    }
    const current = after.steps.find(({ status, isDeferred }) => status === 'running' && isDeferred);
    if (current && !isFinal(after)) {
      const next = moments[index + 1];
      const latest = Math.max(healedAt, Math.min(current.silentFrom, current.until)) + NOTICED_WITHIN_MS;
      if ((next ? timeOf(next) : now) > latest)
        wrong.push(
          `I18 revision ${index}: no instance noticed that the agent of ${current.definition.name} was silent`,
        );
    }
    return wrong;
  });
