import { reasonOf, InvalidRequest, NotFound, mustListen } from '../runtime/errors.js';
/** An execution as its first events left it, folded from the log by the projections that fill the tables. */
import { HistoryUnreadable, type RecordedEvent } from '../log/event-log.js';
import type { Histories } from '../workflow/histories.js';
import { FoldedRows, type RowChange } from '../projections/fold-rows.js';
import type { Projection } from '../projections/projection.js';
import { workflowExecutions } from '../projections/workflow-executions.projection.js';
import { workflowSteps } from '../projections/workflow-steps.projection.js';
import type { ExecutionView, StepView } from '../queries/read-model.js';
import { HISTORY_LIMITS } from './page-from-log.js';

export type Past = Readonly<{
  execution: ExecutionView | null;
  /** In their order. */
  steps: readonly StepView[];
  /** Of the last event that was folded; null where none was. */
  revision: bigint | null;
  /** Whether the log goes on: what was folded is then the past for ever. */
  hasMore: boolean;
}>;

type Watch = (event: RecordedEvent, changes: readonly RowChange[]) => void;

/** The history belongs to one execution, and what is folded of it are these. */
const FOLDED = [workflowExecutions, workflowSteps] as unknown as readonly Projection[];

/**
 * Folds the events for which `isPast` holds, up to the first for which it does not. `watch` sees each with what it changed.
 * @throws NotFound, HistoryDamaged, InvalidRequest where the history is longer than the limit, CallerLeft
 */
export const pastOf = async (
  histories: Histories,
  executionId: string,
  isPast: (event: RecordedEvent) => boolean,
  watch: Watch = () => undefined,
  signal?: AbortSignal,
): Promise<Past> => {
  const folded = new FoldedRows(FOLDED);
  let revision: bigint | null = null;
  for await (const event of eventsOf(histories, executionId, signal)) {
    if (!isPast(event)) return pastWith(folded, revision, true);
    watch(event, applied(folded, event));
    revision = event.revision;
  }
  if (revision === null) throw new NotFound(`There is no execution ${executionId}`);
  return pastWith(folded, revision, false);
};

async function* eventsOf(
  histories: Histories,
  executionId: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<RecordedEvent> {
  const { readEvents, foldedEvents } = HISTORY_LIMITS;
  for (let from = 0n; ; from += BigInt(readEvents)) {
    if (from >= foldedEvents) {
      const message = `Execution ${executionId} has more than ${foldedEvents} events, the most that one answer is made of; read its events in pages`;
      throw new InvalidRequest('HISTORY_TOO_LONG', message, { most_events: foldedEvents });
    }
    mustListen(signal);
    const page = { direction: 'forwards', from, limit: readEvents } as const;
    const events = await histories.page(executionId, page);
    if (events.length === 0 && from === 0n && !(await histories.begins(executionId))) return;
    yield* events;
    if (events.length < readEvents) return;
  }
}

const applied = (folded: FoldedRows, event: RecordedEvent): readonly RowChange[] => {
  try {
    return folded.apply(event);
  } catch (error) {
    const why = reasonOf(error);
    throw new HistoryUnreadable(event, why);
  }
};

const pastWith = (folded: FoldedRows, revision: bigint | null, hasMore: boolean): Past => ({
  execution: (folded.rows(workflowExecutions.table)[0] as ExecutionView | undefined) ?? null,
  steps: (folded.rows(workflowSteps.table) as unknown as StepView[]).toSorted((a, b) => a.step_order - b.step_order),
  revision,
  hasMore,
});
