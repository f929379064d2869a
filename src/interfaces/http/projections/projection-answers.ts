/** The read tables, in the words of the API. Positions and revisions are strings: they may exceed a double. */
import type { PlacedOrder, Drift } from '../../../application/projections/admin/projection-records.js';
import type { ProjectionStatus } from '../../../application/projections/admin/projection-status.js';
import type { Poison, SkippedEvent } from '../../../application/projections/projection-store.js';
import type { RebuildView } from '../../../application/rebuild/rebuilds.js';
import { allowedNow } from '../../../domain/projection/rebuild.js';

export const projectionAnswer = (status: ProjectionStatus) => {
  const { record, lag, counts, rebuild } = status;
  return {
    name: status.projection,
    state: status.state,
    leader: status.leader,
    version: { of_table: record?.version ?? null, of_program: status.version },
    position: record?.position.toString() ?? null,
    head: status.head === 'start' ? null : status.head.toString(),
    lag: { events: lag.events, events_counted: lag.counted, seconds: lag.seconds },
    events_per_second: status.rate === null ? null : Math.round(status.rate * 10) / 10,
    last_event_at: record?.lastEventAt ?? null,
    updated_at: record?.updatedAt ?? null,
    last_rebuild: rebuildAnswer(rebuild),
    previous_kept: rebuild.previous,
    poisoned_count: counts.poisoned,
    poisoned: status.poisoned.map(poisonAnswer),
    skipped_count: counts.skipped,
    skipped: status.skipped.map(skippedAnswer),
    drifted_count: counts.drifted,
    drifted: status.drifted.map(driftAnswer),
    orders: status.orders.map(orderAnswer),
  };
};

/** Null where the projection was never rebuilt. */
export const rebuildAnswer = ({ projection, rebuild, previous, building }: RebuildView) =>
  rebuild && {
    id: rebuild.id,
    projection,
    phase: rebuild.phase,
    require: rebuild.require,
    cause: rebuild.cause,
    version: rebuild.version,
    requested_at: rebuild.requestedAt,
    requested_by: rebuild.requestedBy.actor,
    reason: rebuild.requestedBy.reason,
    approved_by: rebuild.approvedBy,
    building: building && {
      position: building.position?.toString() ?? null,
      events: building.events,
      build_ms: building.buildMs,
      events_per_second: building.buildMs > 0 ? Math.round(building.events / (building.buildMs / 1_000)) : null,
    },
    comparison: rebuild.comparison && {
      position: rebuild.comparison.position,
      rows_live: rebuild.comparison.live,
      rows_rebuilt: rebuild.comparison.rebuilt,
      added: rebuild.comparison.added,
      removed: rebuild.comparison.removed,
      changed: rebuild.comparison.changed,
      samples: rebuild.comparison.samples,
      events: rebuild.comparison.events,
      build_ms: rebuild.comparison.buildMs,
      compare_ms: rebuild.comparison.compareMs,
      compared_at: rebuild.comparedAt,
    },
    position: rebuild.position,
    ended_at: rebuild.endedAt,
    allowed_actions: allowedNow({ rebuild, previous }),
  };

const poisonAnswer = ({ executionId, position, revision, eventId, error, at }: Poison) => ({
  execution_id: executionId,
  position: position.toString(),
  revision: revision.toString(),
  event_id: eventId,
  error,
  since: at,
});

const skippedAnswer = ({ executionId, position, revision, eventId, error, at, actor, reason }: SkippedEvent) => ({
  ...{ execution_id: executionId, position: position.toString(), revision: revision.toString(), event_id: eventId },
  ...{ error, skipped_at: at, actor, reason },
});

const driftAnswer = ({ executionId, position, differences, samples, foundAt }: Drift) => ({
  ...{ execution_id: executionId, position: position.toString() },
  ...{ differences, samples, found_at: foundAt },
});

export const orderAnswer = (order: PlacedOrder) => ({
  id: order.id,
  projection: order.projection,
  execution_id: order.executionId,
  action: order.action,
  revision: order.revision.toString(),
  actor: order.actor,
  reason: order.reason,
  placed_at: order.placedAt,
  done_at: order.doneAt,
  outcome: order.outcome,
});
