/** What a projection makes of some events, and which of them it cannot take. Pure. */
import { executionIdOf } from '../../domain/workflow/index.js';
import { isTombstone, type RecordedEvent } from '../log/event-log.js';
import type { AnyRow, Change, ProjectedEvent, Projection } from './projection.js';
import type { Poison, SkippedEvent } from './projection-store.js';
import { readEvent } from './read-event.js';

/** Of the text that is kept with a poison event. */
const ERROR_CHARACTERS = 1_000;

/** An event that was read once, for all projections. */
export type ReadEvent = Readonly<{ recorded: RecordedEvent; read: ProjectedEvent | Error }>;

export const tryRead = (recorded: RecordedEvent): ReadEvent => {
  try {
    return { recorded, read: readEvent(recorded) };
  } catch (error) {
    return { recorded, read: asError(error) };
  }
};

type Projected = Readonly<{
  changes: readonly Change<AnyRow>[];
  poisoned: readonly Poison[];
  skipped: readonly SkippedEvent[];
}>;

/** What operators decided before: an event that cannot be taken holds nothing back where it is to be passed over. */
export type Decided = (executionId: string, revision: bigint) => SkippedEvent | undefined;

/**
 * @param isHeld executions that are held back: their events are left for later
 * @param refused why the store cannot take what the (then single) event leads to
 */
export const projectBatch = (
  projection: Projection,
  events: readonly ReadEvent[],
  isHeld: (executionId: string) => boolean,
  at: Date,
  refused?: Error,
  decided: Decided = () => undefined,
): Projected => {
  const changes: Change<AnyRow>[] = [];
  const poisoned = new Map<string, Poison>();
  const skipped: SkippedEvent[] = [];
  for (const { recorded, read } of events) {
    const executionId = executionIdOf(recorded.stream);
    if (isHeld(executionId) || poisoned.has(executionId) || isTombstone(recorded)) continue;
    try {
      if (refused) throw refused;
      if (read instanceof Error) throw read;
      changes.push(...projection.project(read));
    } catch (error) {
      const poison = poisonAt(projection, recorded, error, at);
      const decision = decided(executionId, recorded.revision);
      if (decision) skipped.push({ ...decision, error: poison.error });
      else poisoned.set(executionId, poison);
    }
  }
  return { changes, poisoned: [...poisoned.values()], skipped };
};

export const poisonAt = (projection: Projection, recorded: RecordedEvent, error: unknown, at: Date): Poison => ({
  projection: projection.table,
  executionId: executionIdOf(recorded.stream),
  position: recorded.position,
  revision: recorded.revision,
  eventId: recorded.id,
  error: asError(error).message.slice(0, ERROR_CHARACTERS),
  at,
});

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
