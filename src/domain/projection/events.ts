/** What happens to a read table as a whole. One stream for each projection; the events are a storage contract. */
import type { DutyActor } from '../access/duties.js';
import type { Message } from '../decider.js';
import { listOf, mustHold, number, object, oneOf, orNull, record, text, time, whole, type Shape } from '../shape.js';

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
export type Asked = Readonly<{ actor: DutyActor; reason: string | null }>;

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
  | Message<'PreviousTableDropProposed', OfRebuild & Asked>
  | Message<'PreviousTableDropped', OfRebuild & Asked>;

const ofRebuild = { rebuildId: text, at: time };
const asked = { ...ofRebuild, actor: record({ type: text, id: text }), reason: orNull(text) };
const comparison = record({
  position: text,
  ...{ live: whole(0), rebuilt: whole(0), added: whole(0), removed: whole(0), changed: whole(0) },
  samples: listOf(record({ kind: oneOf('added', 'removed', 'changed'), key: object, columns: listOf(object) })),
  ...{ events: number, buildMs: number, compareMs: number },
});

const shapes = {
  RebuildRequested: record({
    ...asked,
    ...{ projection: text, require: oneOf('zero-diff', 'none'), cause: oneOf('operator', 'version'), version: number },
  }),
  RebuildCompared: record({ ...ofRebuild, comparison }),
  RebuildApproved: record(asked),
  RebuildAbandoned: record(asked),
  ProjectionSwapped: record({ ...ofRebuild, position: text, version: number }),
  RollbackRequested: record(asked),
  ProjectionRolledBack: record({ ...ofRebuild, position: text }),
  PreviousTableDropProposed: record(asked),
  PreviousTableDropped: record(asked),
} satisfies Record<ProjectionEvent['type'], Shape>;

export const PROJECTION_STREAM_PREFIX = 'projection-';
export const projectionStream = (projection: string): string => PROJECTION_STREAM_PREFIX + projection;

/** Null for a type that this version does not know. @throws where a known event does not hold what it should */
export const readProjectionEvent = (type: string, data: unknown): ProjectionEvent | null => {
  if (!Object.hasOwn(shapes, type)) return null;
  mustHold(shapes[type as ProjectionEvent['type']], type, data);
  return { type, data } as ProjectionEvent;
};
