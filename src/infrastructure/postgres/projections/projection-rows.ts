/** Rows of the tables that projections keep about themselves, as the application knows them. */
import type {
  Poison,
  ProjectionCheckpoint as Checkpoint,
  SkippedEvent,
} from '../../../application/projections/projection-store.js';
import type { ProjectionCheckpoint } from '../entities/projection-checkpoint.entity.js';
import type { ProjectionPoison } from '../entities/projection-poison.entity.js';
import type { ProjectionSkipped } from '../entities/projection-skipped.entity.js';

export const checkpointsOf = (rows: readonly ProjectionCheckpoint[]): ReadonlyMap<string, Checkpoint> =>
  new Map(rows.map((row) => [row.projection, { position: BigInt(row.position), lastEventAt: row.last_event_at }]));

export const skippedOf = (rows: readonly ProjectionSkipped[]): readonly SkippedEvent[] =>
  rows.map((row) => ({ ...poisonFrom(row), actor: row.actor, reason: row.reason }));

export const poisonOf = (rows: readonly ProjectionPoison[]): readonly Poison[] => rows.map(poisonFrom);

const poisonFrom = (row: ProjectionPoison | ProjectionSkipped): Poison => ({
  projection: row.projection,
  executionId: row.execution_id,
  position: BigInt(row.position),
  revision: BigInt(row.revision),
  eventId: row.event_id,
  error: row.error,
  at: row.at,
});
