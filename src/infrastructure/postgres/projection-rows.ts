/** Rows of the tables that projections keep about themselves, as the application knows them. */
import type { Poison, ProjectionCheckpoint as Checkpoint } from '../../application/projections/projection-store.js';
import type { ProjectionCheckpoint } from './entities/projection-checkpoint.entity.js';
import type { ProjectionPoison } from './entities/projection-poison.entity.js';

export const checkpointsOf = (rows: readonly ProjectionCheckpoint[]): ReadonlyMap<string, Checkpoint> =>
  new Map(rows.map((row) => [row.projection, { position: BigInt(row.position), lastEventAt: row.last_event_at }]));

export const poisonOf = (rows: readonly ProjectionPoison[]): readonly Poison[] =>
  rows.map((row) => ({
    projection: row.projection,
    executionId: row.execution_id,
    position: BigInt(row.position),
    revision: BigInt(row.revision),
    eventId: row.event_id,
    error: row.error,
    at: row.at,
  }));
