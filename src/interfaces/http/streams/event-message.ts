import { stateAfter, type LiveEvent, type Notice } from '../../../application/live/live-source.js';
import type { EventView, StepView } from '../../../application/queries/read-model.js';
import type { Change } from '../../../application/projections/projection.js';
import { stepChanges } from '../../../application/projections/workflow-steps.projection.js';
import { eventAnswer } from '../../../application/queries/shown-actor.js';
import { upcast } from '../../../domain/workflow/event-shapes.js';

/**
 * What a client needs to bring its picture up to date: the event as the events API shows it, the execution as it left it,
 * and what it changed in the steps. Everything here is of the time of the event, whenever it is sent.
 */
const eventMessage = (live: LiveEvent) => {
  const { event, projectId } = live;
  return {
    event: eventAnswer(event),
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

/** `insert`: a step that is new; else `set` is to be laid over the steps that `match` (and `where`) selects. */
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

/** Messages of `text/event-stream`. What many clients get is made once, and all of them are sent the same bytes. */

/** JSON has no line breaks, so that one `data` line holds it. */
export const frame = (name: string, id: bigint | null, data: unknown): string =>
  `${id === null ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

export const retryFrame = (ms: number): string => `retry: ${ms}\n\n`;

/** An id without data moves the client's place and is no event to it. */
export const beatFrame = (id: bigint | null): string => (id === null ? ': \n\n' : `: \nid: ${id}\n\n`);

type Rendered = Partial<Record<Notice, Buffer>>;
const rendered = new WeakMap<LiveEvent, Rendered>();

/** @param id where the client stands with it; another than the event's own only for what comes late */
export const eventFrame = (notice: Notice, id: bigint, live: LiveEvent): Buffer | string => {
  if (id !== live.position) return frame(notice, id, eventMessage(live));
  const frames = rendered.get(live) ?? {};
  rendered.set(live, frames);
  return (frames[notice] ??= Buffer.from(frame(notice, id, eventMessage(live))));
};
