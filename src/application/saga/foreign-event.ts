import type { RecordedEvent } from '../log/event-log.js';

/** An event of the log as an instance sees it that has not written it, or does not know that it has. */
export type ForeignEvent = Pick<RecordedEvent, 'type' | 'data' | 'revision'>;

/** After a hand-over any instance may start the step again. */
export const isHandOver = ({ type }: ForeignEvent): boolean => type === 'StepInterrupted';

export const isClaimBy = (worker: string, { type, data }: ForeignEvent): boolean =>
  type === 'StepStarted' && (data as { worker?: unknown } | null)?.worker === worker;
