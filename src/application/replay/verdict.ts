/** A whole recorded history through other rules. Reads, and nothing else. */
import { executionIdOf } from '../../domain/workflow/index.js';
import type { Difference, DifferenceKind } from '../../domain/workflow/what-if/difference.js';
import { beginning, follow, type Course, type Rules, type Turn } from '../../domain/workflow/what-if/follow.js';
import type { RecordedEvent } from '../log/event-log.js';
import { readEvent } from '../projections/projection.js';
import type { Histories } from '../workflow/histories.js';
import { reasonOf } from '../runtime/errors.js';
import type { ReadModel } from '../queries/read-model.js';

export type Verdict = Readonly<{
  executionId: string;
  /** How many there are. */
  events: number;
  differences: readonly TurnDifference[];
  /** Of the first event that other rules would not have led to; null where the whole history fits them. */
  fitsUntil: bigint | null;
  /** How much later the last event would have been, milliseconds; negative: earlier. Null where the history does not fit. */
  shiftMs: number | null;
}>;

/** `revision` is that of the decision's first event. */
type TurnDifference = Difference & Readonly<{ revision: bigint; at: Date }>;

/** @throws where an event is not what this application writes */
export const verdictOf = (events: readonly RecordedEvent[], rules: Rules): Verdict => {
  const differences: TurnDifference[] = [];
  let course: Course = beginning;
  let fitsUntil: bigint | null = null;
  for (const { revision, ...turn } of turnsOf(events)) {
    const followed = follow(course, turn, rules);
    course = followed.course;
    differences.push(...followed.differences.map((difference) => ({ ...difference, revision, at: turn.at })));
    if (course.other === null) {
      fitsUntil = revision;
      break;
    }
  }
  const executionId = events[0] ? executionIdOf(events[0].stream) : '';
  const shiftMs = fitsUntil === null ? course.shiftMs : null;
  return { executionId, events: events.length, differences, fitsUntil, shiftMs };
};

type RecordedTurn = Turn & Readonly<{ revision: bigint }>;

/** What one command left stands together and carries its id. Events of unknown types belong to no turn. */
function* turnsOf(events: readonly RecordedEvent[]): Generator<RecordedTurn> {
  let open: (RecordedTurn & { commandId: string }) | undefined;
  for (const recorded of events) {
    const { event, metadata } = readEvent(recorded);
    if (!event) continue;
    const { commandId, occurredAt } = metadata;
    if (open?.commandId === commandId) {
      open = { ...open, events: [...open.events, event] };
      continue;
    }
    if (open) yield open;
    open = { commandId, revision: recorded.revision, at: new Date(occurredAt), events: [event] };
  }
  if (open) yield open;
}

type SurveyLimits = Readonly<{
  /** Executions listed with one query, and histories read at the same time. */
  page: number;
  parallel: number;
}>;

const DEFAULT_SURVEY_LIMITS: SurveyLimits = { page: 100, parallel: 8 };

/** One execution's verdict, or why there is none. */
export type Surveyed = Readonly<{ executionId: string; verdict: Verdict | null; error: string | null }>;

/**
 * As the read tables list them, newest first; no more than one page of them is held at a time.
 * @param workflowName null: of every definition
 */
export async function* survey(
  { histories, readModel }: Readonly<{ histories: Pick<Histories, 'read'>; readModel: Pick<ReadModel, 'executions'> }>,
  workflowName: string | null,
  rules: Rules,
  signal: AbortSignal,
  { page, parallel }: SurveyLimits = DEFAULT_SURVEY_LIMITS,
): AsyncGenerator<Surveyed> {
  let cursor: string | null = null;
  do {
    const { rows, nextCursor } = await readModel.executions({}, { cursor, limit: page, checkpoints: false });
    const ids = rows.filter((row) => workflowName === null || row.workflow_name === workflowName).map(({ id }) => id);
    for (let index = 0; index < ids.length; index += parallel) {
      if (signal.aborted) return;
      yield* await Promise.all(ids.slice(index, index + parallel).map((id) => surveyed(histories, id, rules)));
    }
    cursor = nextCursor;
  } while (cursor !== null && !signal.aborted);
}

const surveyed = async (histories: Pick<Histories, 'read'>, executionId: string, rules: Rules): Promise<Surveyed> => {
  try {
    const { events } = await histories.read(executionId);
    return { executionId, verdict: verdictOf(events, rules), error: null };
  } catch (error) {
    return { executionId, verdict: null, error: reasonOf(error) };
  }
};

/** The same verdict without the differences that do not count. */
export const withoutKinds = (verdict: Verdict, ignored: readonly DifferenceKind[]): Verdict => ({
  ...verdict,
  differences: verdict.differences.filter(({ kind }) => !ignored.includes(kind)),
});
