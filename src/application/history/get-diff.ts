import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { InvalidRequest, NotInHistory } from '../runtime/errors.js';
import type { RecordedEvent } from '../log/event-log.js';
import { Histories } from '../workflow/histories.js';
import { eventView } from './page-from-log.js';
import { pastOf } from './past.js';
import type { RowChange } from '../projections/fold-rows.js';
import type { EventView, StepView } from '../queries/read-model.js';

/** The event after which a field held what it holds at the end. */
type ChangedBy = Pick<EventView, 'revision' | 'event_type' | 'actor' | 'reason' | 'occurred_at' | 'recorded_at'>;

type FieldChange = Readonly<{
  scope: 'execution' | 'step';
  /** The step's name; null for a field of the execution. */
  step: string | null;
  field: string;
  from: unknown;
  to: unknown;
  /** Events that changed it. Where it has come back to what it was, `from` and `to` are equal. */
  times: number;
  changed_by: ChangedBy;
}>;

type Diff = Readonly<{
  from: bigint;
  to: bigint;
  changes: readonly FieldChange[];
}>;

/** What changed between the states after two revisions; `from` null is 0, `to` null the last there is. */
export class GetDiff extends Query<Diff> {
  constructor(
    readonly executionId: string,
    readonly from: bigint | null,
    readonly to: bigint | null,
    readonly signal?: AbortSignal,
  ) {
    super();
  }
}

/** They move with every event. */
const PLACES = new Set(['revision', 'position', 'updated_at']);

@QueryHandler(GetDiff)
export class GetDiffHandler implements IQueryHandler<GetDiff> {
  constructor(private readonly histories: Histories) {}

  /** @throws NotFound, NotInHistory, InvalidRequest, HistoryDamaged */
  async execute({ executionId, from: asked, to, signal }: GetDiff): Promise<Diff> {
    const from = asked ?? 0n;
    if (to !== null && from > to) {
      throw new InvalidRequest('INVALID_REQUEST', `from: expected a revision up to that of to (${to}), got ${from}`);
    }
    const found = new Map<string, FieldChange>();
    const note = (event: RecordedEvent, changes: readonly RowChange[]) => {
      if (event.revision > from) for (const change of changes) noteFields(found, event, change);
    };
    const isPast = ({ revision }: RecordedEvent) => to === null || revision <= to;
    const { revision } = await pastOf(this.histories, executionId, isPast, note, signal);
    const wanted = to ?? from;
    if (revision === null || revision < wanted) {
      const message = `Execution ${executionId}: expected revisions up to ${revision}, got ${wanted}`;
      throw new NotInHistory(message, { present_revision: String(revision) });
    }
    return { from, to: revision, changes: [...found.values()] };
  }
}

const noteFields = (
  found: Map<string, FieldChange>,
  event: RecordedEvent,
  { table, before, after }: RowChange,
): void => {
  const isStep = table === 'workflow_steps';
  const step = isStep ? (after as StepView).step_name : null;
  for (const field of Object.keys(after)) {
    const [was, is] = [before?.[field] ?? null, after[field] ?? null];
    if (PLACES.has(field) || JSON.stringify(was) === JSON.stringify(is)) continue;
    const name = `${String(after['id'])} ${field}`;
    const earlier = found.get(name);
    const { revision, event_type, actor, reason, occurred_at, recorded_at } = eventView(event);
    found.set(name, {
      scope: isStep ? 'step' : 'execution',
      step,
      field,
      from: earlier ? earlier.from : was,
      to: is,
      times: (earlier?.times ?? 0) + 1,
      changed_by: { revision, event_type, actor, reason, occurred_at, recorded_at },
    });
  }
};
