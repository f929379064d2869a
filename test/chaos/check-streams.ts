/** The invariants of one execution's events, checked from the events alone and not with the domain's own state. */
import type { RecordedEvent } from '../../src/application/log/event-log.js';
import type { EventMetadata } from '../../src/application/log/envelope.js';
import type { WorkflowEvent, WorkflowStarted } from '../../src/domain/workflow/events.js';

type Of<Type extends WorkflowEvent['type']> = Extract<WorkflowEvent, { type: Type }>['data'];
export type ReportViolation = (invariant: string, executionId: string, what: string) => void;

const dataOf = <Type extends WorkflowEvent['type']>({ type, data }: RecordedEvent, ...types: Type[]) =>
  (types as string[]).includes(type) ? (data as Of<Type>) : undefined;
const metadataOf = ({ metadata }: RecordedEvent) => metadata as EventMetadata;

export const checkStream = (id: string, events: readonly RecordedEvent[], reportViolation: ReportViolation): void => {
  const reportAs = (invariant: string) => (what: string) => reportViolation(invariant, id, what);
  checkShape(id, events, reportAs);
  if (events[0]?.type !== 'WorkflowStarted') return reportAs('I2')(`begins with ${events[0]?.type}`);
  checkAttempts(events, reportAs);
  checkOrder(events, reportAs);
};

type ReportAs = (invariant: string) => (what: string) => void;

const checkShape = (id: string, events: readonly RecordedEvent[], reportAs: ReportAs) => {
  const known = new Set(events.flatMap((event) => [event.id, metadataOf(event).commandId]));
  events.forEach((event, index) => {
    if (event.revision !== BigInt(index)) reportAs('I10')(`revision ${event.revision} at place ${index}`);
    const { commandId, $correlationId, $causationId } = metadataOf(event);
    if (!commandId || $correlationId !== id || !known.has($causationId))
      reportAs('I3')(`${event.type} ${event.revision}`);
  });
};

/** I5, I8, I9, I11: what runs, and whether a report belongs to it. */
const checkAttempts = (events: readonly RecordedEvent[], reportAs: ReportAs) => {
  const { definition } = events[0]!.data as WorkflowStarted;
  let running: Of<'StepStarted'> | undefined;
  let paused = false;
  let due: Readonly<{ stepId: string; at: number }> | undefined;
  const completed = new Set<string>();
  const failures = new Map<string, number>();
  for (const event of events) {
    const at = `${event.type} at revision ${event.revision}`;
    const started = dataOf(event, 'StepStarted');
    if (started) {
      if (paused) reportAs('I9')(`${at} while paused`);
      if (running) reportAs('I11')(`${at} while attempt ${running.attempt} of ${running.step} runs`);
      if (due?.stepId === started.stepId && Date.parse(started.startedAt) < due.at)
        reportAs('I8')(`${at} before its time`);
      running = started;
    }
    const report = dataOf(event, 'StepCompleted', 'StepFailed', 'StepInterrupted');
    if (report) {
      if (running?.stepId !== report.stepId || running.attempt !== report.attempt)
        reportAs('I11')(`${at}: not running`);
      running = undefined;
    }
    const done = dataOf(event, 'StepCompleted');
    if (done) {
      const key = `${done.step}/${done.generation}`;
      if (completed.has(key)) reportAs('I5')(`${at}: completed before`);
      completed.add(key);
    }
    const failed = dataOf(event, 'StepFailed');
    due = undefined;
    if (failed) {
      const key = `${failed.step}/${failed.generation}`;
      const count = (failures.get(key) ?? 0) + 1;
      failures.set(key, count);
      const most = definition.steps.find(({ name }) => name === failed.step)?.retry.maximumAttempts ?? 0;
      if (count > most) reportAs('I8')(`${at}: attempt ${count} of ${most}`);
      const isRetried = failed.retryAt !== null;
      if (isRetried && (count >= most || failed.error.type !== 'transient')) reportAs('I8')(`${at} is retried`);
      if (failed.retryAt) due = { stepId: failed.stepId, at: Date.parse(failed.retryAt) };
    }
    if (event.type === 'StepRetryRequested' || event.type === 'WorkflowCancelled') running = undefined;
    if (event.type === 'WorkflowPaused') paused = true;
    if (['WorkflowResumed', 'WorkflowCancelled', 'WorkflowFailed'].includes(event.type)) paused = false;
  }
};

/** I6, I7. */
const checkOrder = (events: readonly RecordedEvent[], reportAs: ReportAs) => {
  const { definition } = events[0]!.data as WorkflowStarted;
  const done = new Set<string>();
  let percent = 0;
  let ended: string | undefined;
  for (const event of events) {
    const at = `${event.type} at revision ${event.revision}`;
    const leaves = ended === 'WorkflowFailed' && ['StepRetryRequested', 'WorkflowCancelled'].includes(event.type);
    if (ended && !leaves) reportAs('I6')(`${at} after ${ended}`);
    const { percentComplete } = metadataOf(event).summary;
    if (percentComplete < percent && event.type !== 'StepRetryRequested') reportAs('I6')(`${at}: ${percentComplete} %`);
    percent = percentComplete;
    const started = dataOf(event, 'StepStarted');
    if (started) {
      const place = definition.steps.findIndex(({ name }) => name === started.step);
      const missing = definition.steps.slice(0, place).find(({ name }) => !done.has(name));
      if (missing) reportAs('I7')(`${at}: ${missing.name} is not done`);
    }
    const over = dataOf(event, 'StepCompleted', 'StepSkipped');
    if (over) done.add(over.step);
    const again = dataOf(event, 'StepRetryRequested');
    if (again) done.delete(again.step);
    if (again) ended = undefined;
    if (['WorkflowCompleted', 'WorkflowCancelled', 'WorkflowFailed'].includes(event.type)) ended = event.type;
  }
};
