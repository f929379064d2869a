import { hasEnded } from '../../domain/workflow/state.js';
import type { EventView } from '../queries/read-model.js';

/** A committed event as live streams pass it on, with what its row does not say. One object for all who are told. */
export type LiveEvent = Readonly<{
  event: EventView;
  position: bigint;
  /** Null where the tables do not show the execution yet. */
  projectId: string | null;
  /** `current_state` before this event; null before the first. */
  previousState: string | null;
  /** Its row was written after rows of higher positions: its execution had been held back. */
  late: boolean;
}>;

export type StreamFilter = Readonly<{ projectId?: string; state?: string }>;

/** What a client is told of an event: the event itself, or that the execution is in the state no more. */
export type Told = 'event' | 'left';

/** An event of an unknown type says nothing of the state, and leaves it as it was. */
export const stateAfter = ({ event, previousState }: LiveEvent): string | null => event.current_state ?? previousState;

/** @returns null where the event is none of the client's business */
export const toldTo = ({ projectId, state }: StreamFilter, live: LiveEvent): Told | null => {
  if (projectId !== undefined && live.projectId !== projectId) return null;
  if (state === undefined || stateAfter(live) === state) return 'event';
  return live.previousState === state ? 'left' : null;
};

export const endOf = (state: string | null): string | null => (hasEnded(state) ? state : null);
