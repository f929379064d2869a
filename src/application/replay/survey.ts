import { reasonOf } from '../runtime/errors.js';
/** All executions of a definition through other rules: what a change would have meant, before it is made. */
import { workflowStream } from '../../domain/workflow/index.js';
import type { DifferenceKind } from '../../domain/workflow/what-if/difference.js';
import type { Rules } from '../../domain/workflow/what-if/follow.js';
import type { EventLog } from '../log/event-log.js';
import type { ReadModel } from '../queries/read-model.js';
import { verdictOf, type Verdict } from './verdict.js';

export type SurveyLimits = Readonly<{
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
  { log, readModel }: Readonly<{ log: Pick<EventLog, 'read'>; readModel: Pick<ReadModel, 'executions'> }>,
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
      yield* await Promise.all(ids.slice(index, index + parallel).map((id) => surveyed(log, id, rules)));
    }
    cursor = nextCursor;
  } while (cursor !== null && !signal.aborted);
}

const surveyed = async (log: Pick<EventLog, 'read'>, executionId: string, rules: Rules): Promise<Surveyed> => {
  try {
    const { events } = await log.read(workflowStream(executionId));
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
