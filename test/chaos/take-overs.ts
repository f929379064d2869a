/** How long it took until other instances started the steps of an instance that was killed or stood still. */
import type { RecordedEvent } from '../../src/application/log/event-log.js';
import type { StepStarted, WorkflowEvent } from '../../src/domain/workflow/events.js';
import type { Life, Victim } from './processes.js';

type Interrupted = Extract<WorkflowEvent, { type: 'StepInterrupted' }>['data'];

export type TakeOvers = Readonly<{
  /** Milliseconds, sorted, of take-overs during which another instance ran all the time. */
  attended: readonly number[];
  /** Those during which no other instance ran for a while. */
  unattended: readonly number[];
}>;

/** Counts killed processes only: a process that stood still may have done so for less than the limit. */
export const takeOvers = (
  events: Iterable<readonly RecordedEvent[]>,
  lives: readonly Life[],
  instances: readonly Victim[],
): TakeOvers => {
  const killedAt = new Map(lives.filter(({ endedBy }) => endedBy === 'SIGKILL').map(({ pid, at }) => [pid, at]));
  const took = { attended: [] as number[], unattended: [] as number[] };
  for (const stream of events) {
    stream.forEach((event, index) => {
      if (event.type !== 'StepInterrupted') return;
      const { worker, cause, stepId } = event.data as Interrupted;
      const since = killedAt.get(Number(worker.split(':')[1]));
      const next = stream[index + 1];
      if (cause !== 'worker_lost' || since === undefined || next?.type !== 'StepStarted') return;
      if ((next.data as StepStarted).stepId !== stepId) return;
      const until = next.recordedAt.getTime();
      if (until < since) return; // it had stood still before it was killed
      const isAttended = instances.some(({ ups }) => ups.some(({ from, to }) => from <= since && to >= until));
      took[isAttended ? 'attended' : 'unattended'].push(until - since);
    });
  }
  for (const times of [took.attended, took.unattended]) times.sort((a, b) => a - b);
  return took;
};
