/** What an event of the log says to an instance that has not written it, or does not know that it has. */
import type { RecordedEvent } from '../log/event-log.js';

export type ForeignEvent = Pick<RecordedEvent, 'type' | 'data' | 'revision'>;

/** Its step is anybody's now. */
export const isHandOver = ({ type }: ForeignEvent): boolean => type === 'StepInterrupted';

export const isClaimBy = (worker: string, { type, data }: ForeignEvent): boolean =>
  type === 'StepStarted' && (data as { worker?: unknown } | null)?.worker === worker;
