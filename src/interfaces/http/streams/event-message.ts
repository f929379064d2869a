import { stateAfter, type LiveEvent } from '../../../application/live/live-event.js';
import type { EventView, StepView } from '../../../application/queries/read-model.js';
import type { Change } from '../../../application/projections/projection.js';
import { stepChanges } from '../../../application/projections/workflow-steps.projection.js';
import { upcast } from '../../../domain/workflow/event-shapes.js';

/**
 * What a client needs to bring its picture up to date: the event as the events API shows it, the execution as it left it,
 * and what it changed in the steps. Everything here is of the time of the event, whenever it is sent.
 */
export const eventMessage = (live: LiveEvent) => {
  const { event, projectId } = live;
  return {
    event,
    execution: {
      id: event.execution_id,
      project_id: projectId,
      current_state: stateAfter(live),
      percent_complete: event.percent_complete,
      revision: event.revision,
      position: event.position,
    },
    steps: changesOf(event).map(shown),
  };
};

/** `insert`: a step that is new; else `set` is to be laid over the steps that have what `match` (and `where`) says. */
export type ShownChange =
  | Readonly<{ insert: StepView }>
  | Readonly<{
      match: Partial<StepView>;
      where?: Readonly<{ column: keyof StepView; among: readonly string[] }>;
      set: Partial<StepView>;
    }>;

const shown = (change: Change<StepView>): ShownChange =>
  change.op === 'insert'
    ? { insert: change.row }
    : { match: change.key, ...(change.where && { where: change.where }), set: change.set };

/** An event that this version cannot read changes no step. */
const changesOf = ({ execution_id, event_type, data, revision, occurred_at }: EventView) => {
  try {
    const event = occurred_at && upcast(event_type, data);
    return event ? stepChanges(execution_id, event, revision, occurred_at) : [];
  } catch {
    return [];
  }
};
