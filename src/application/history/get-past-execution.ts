import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { Clock } from '../runtime/clock.js';
import { InvalidRequest, NotInHistory } from '../runtime/errors.js';
import type { RecordedEvent } from '../log/event-log.js';
import { Histories } from '../workflow/histories.js';
import { eventView } from './page-from-log.js';
import { pastOf } from './past.js';
import { EVENTS_WITH_EXECUTION } from '../queries/get-execution.js';
import type { Overview } from '../queries/read-model.js';

/** After the event of that revision, or after the last event that the log had recorded by then (inclusive). */
export type Moment = Readonly<{ revision: bigint } | { asOf: Date }>;

export type PastAnswer = Overview &
  Readonly<{
    /** Of the last event that made it. */
    revision: bigint;
    /** No event that is still to come can change it. */
    isFinal: boolean;
  }>;

/** An execution as the read tables showed it then, made from the log. */
export class GetPastExecution extends Query<PastAnswer> {
  constructor(
    readonly executionId: string,
    readonly include: Readonly<{ steps: boolean; events: boolean }>,
    readonly moment: Moment,
    readonly signal?: AbortSignal,
  ) {
    super();
  }
}

@QueryHandler(GetPastExecution)
export class GetPastExecutionHandler implements IQueryHandler<GetPastExecution> {
  constructor(
    private readonly histories: Histories,
    private readonly clock: Clock,
  ) {}

  /** @throws NotFound, NotInHistory, InvalidRequest, HistoryDamaged */
  async execute({ executionId, include, moment, signal }: GetPastExecution): Promise<PastAnswer> {
    if ('asOf' in moment) this.mustNotBeAhead(moment.asOf);
    const isPast = (event: RecordedEvent) =>
      'asOf' in moment ? event.recordedAt <= moment.asOf : event.revision <= moment.revision;
    const latest: RecordedEvent[] = [];
    const keep = (event: RecordedEvent) => {
      latest.push(event);
      // Now and then, not for each event: an array that loses its first element moves all others.
      if (latest.length === 2 * EVENTS_WITH_EXECUTION) latest.splice(0, EVENTS_WITH_EXECUTION);
    };
    const past = await pastOf(this.histories, executionId, isPast, include.events ? keep : undefined, signal);
    const { execution, steps, revision, hasMore } = past;
    if ('revision' in moment && revision !== moment.revision) {
      const message = `Execution ${executionId}: expected a revision up to ${revision}, got ${moment.revision}`;
      throw new NotInHistory(message, { present_revision: String(revision) });
    }
    if (!execution || revision === null) {
      throw new NotInHistory(`Execution ${executionId} had not been started then`);
    }
    return {
      execution,
      steps: include.steps ? steps : undefined,
      events: include.events ? latest.slice(-EVENTS_WITH_EXECUTION).map(eventView) : undefined,
      revision,
      isFinal: 'revision' in moment || hasMore,
    };
  }

  private mustNotBeAhead(asOf: Date): void {
    const now = this.clock.now();
    if (asOf <= now) return;
    const message = `as_of: expected a time up to now (${now.toISOString()}), got ${asOf.toISOString()}`;
    throw new InvalidRequest('INVALID_REQUEST', message, { now: now.toISOString() });
  }
}
