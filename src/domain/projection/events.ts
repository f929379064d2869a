/** What happens to a read table as a whole. One stream for each projection; the events are a storage contract. */
import type { Message } from '../decider.js';

/** `zero-diff`: nothing is swapped by itself unless the rebuilt rows are those of the live table, row by row. */
export type Requirement = 'zero-diff' | 'none';

/** Why it was asked for: an operator wants it, or the mapping has another version than the one that made the table. */
export type RebuildCause = 'operator' | 'version';

/** One row that differs. `key`: the primary key; the columns that differ, null where a side has no such row. */
export type RowDifference = Readonly<{
  kind: 'added' | 'removed' | 'changed';
  key: Readonly<Record<string, string>>;
  /** Name of the column, then its value in the live and in the rebuilt table, as text; null for SQL's NULL. */
  columns: readonly Readonly<{ name: string; live: string | null; rebuilt: string | null }>[];
}>;

/** The rebuilt table beside the live one, both as of `position`. */
export type Comparison = Readonly<{
  position: string;
  /** Rows in each. */
  live: number;
  rebuilt: number;
  /** Rows that only the rebuilt table has, that only the live one has, and that both have with other contents. */
  added: number;
  removed: number;
  changed: number;
  /** Some of them. */
  samples: readonly RowDifference[];
  /** What it took to build: events that were read, milliseconds. */
  events: number;
  buildMs: number;
  compareMs: number;
}>;

/** `at` is ISO-8601 UTC. */
type OfRebuild = Readonly<{ rebuildId: string; at: string }>;

/** Who asked for it, and why. */
export type Asked = Readonly<{ actor: Readonly<{ type: string; id: string }>; reason: string | null }>;

export type ProjectionEvent =
  | Message<
      'RebuildRequested',
      OfRebuild & Asked & { projection: string; require: Requirement; cause: RebuildCause; version: number }
    >
  | Message<'RebuildCompared', OfRebuild & { comparison: Comparison }>
  | Message<'RebuildApproved', OfRebuild & Asked>
  | Message<'RebuildAbandoned', OfRebuild & Asked>
  | Message<'ProjectionSwapped', OfRebuild & { position: string; version: number }>
  | Message<'RollbackRequested', OfRebuild & Asked>
  | Message<'ProjectionRolledBack', OfRebuild & { position: string }>
  | Message<'PreviousTableDropped', OfRebuild & Asked>;

const TYPES: ReadonlySet<string> = new Set<ProjectionEvent['type']>([
  ...(['RebuildRequested', 'RebuildCompared', 'RebuildApproved', 'RebuildAbandoned'] as const),
  ...(['ProjectionSwapped', 'RollbackRequested', 'ProjectionRolledBack', 'PreviousTableDropped'] as const),
]);

export const PROJECTION_STREAM_PREFIX = 'projection-';
export const projectionStream = (projection: string): string => PROJECTION_STREAM_PREFIX + projection;

/** Null for a type that this version does not know. @throws where a known event does not hold what it should */
export const readProjectionEvent = (type: string, data: unknown): ProjectionEvent | null => {
  if (!TYPES.has(type)) return null;
  const { rebuildId, at } = (data ?? {}) as Partial<Record<'rebuildId' | 'at', unknown>>;
  if (typeof rebuildId !== 'string' || typeof at !== 'string')
    throw new Error(`Event ${type}: expected rebuildId and at, got something else`);
  return { type, data } as ProjectionEvent;
};
