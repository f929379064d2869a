/** How long it took until the steps of an instance that was killed, or stood still, were started again. */
import type { RecordedEvent } from '../../src/application/event-log.js';
import type { StepStarted, WorkflowEvent } from '../../src/domain/workflow/events.js';
import type { Life } from './processes.js';

type Interrupted = Extract<WorkflowEvent, { type: 'StepInterrupted' }>['data'];

/** Milliseconds, sorted. Of processes that were killed: one that stood still may have done so for less than the limit. */
export const takeOvers = (events: Iterable<readonly RecordedEvent[]>, lives: readonly Life[]): number[] => {
  const killedAt = new Map(lives.filter(({ endedBy }) => endedBy === 'SIGKILL').map(({ pid, at }) => [pid, at]));
  const took: number[] = [];
  for (const stream of events) {
    stream.forEach((event, index) => {
      if (event.type !== 'StepInterrupted') return;
      const { worker, cause, stepId } = event.data as Interrupted;
      const since = killedAt.get(Number(worker.split(':')[1]));
      const next = stream[index + 1];
      if (cause !== 'worker_lost' || since === undefined || next?.type !== 'StepStarted') return;
      if ((next.data as StepStarted).stepId === stepId) took.push(next.recordedAt.getTime() - since);
    });
  }
  return took.sort((one, other) => one - other);
};
