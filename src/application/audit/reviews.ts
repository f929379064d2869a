/** Reviews of histories, in the log: recorded once, listed from the log itself. */
import { readReviewEvent, reviewStream, type AuditReviewed, type ReviewOutcome } from '../../domain/audit/review.js';
import { workflowStream } from '../../domain/workflow/index.js';
import { appendWithRetry, DEFAULT_APPEND_LIMITS } from '../log/append.js';
import type { Clock } from '../runtime/clock.js';
import type { CommandContext } from '../log/envelope.js';
import { IdempotencyKeyReused, InvalidRequest, NotFound } from '../runtime/errors.js';
import { chained, linkOf } from '../log/event-hash.js';
import { RevisionConflict, type EventLog, type RecordedEvent } from '../log/event-log.js';
import { toStore } from '../log/stream-commands.js';

/** How often a review is recorded anew because another was faster, and how many an execution may have. */
const MAX_ROUNDS = 10;
const MAX_REVIEWS = 1_000;

export type ReviewRequest = Readonly<{ throughRevision: number; outcome: ReviewOutcome; reason: string }>;

/** `revision` is that in the reviews' own stream. */
export type RecordedReview = Readonly<{
  id: string;
  revision: bigint;
  commandId: string | null;
  review: AuditReviewed;
}>;

export class AuditReviews {
  constructor(
    private readonly log: EventLog,
    private readonly clock: Clock,
  ) {}

  /** Oldest first. Empty also where there is no such execution. */
  async of(executionId: string): Promise<readonly RecordedReview[]> {
    return (await this.read(executionId)).reviews;
  }

  /**
   * A repeat under one command id is answered with what the first one recorded.
   * @throws NotFound, InvalidRequest for a revision beyond the end, IdempotencyKeyReused, LogUnavailable
   */
  async record(executionId: string, request: ReviewRequest, context: CommandContext): Promise<RecordedReview> {
    const eventHash = await this.hashAt(executionId, request.throughRevision);
    const { actor, at, commandId } = context;
    const review: AuditReviewed = { executionId, ...request, eventHash, actor, at: at.toISOString() };
    const stream = reviewStream(executionId);
    for (let round = 1; ; round++) {
      const { reviews, revision, link } = await this.read(executionId);
      const earlier = reviews.find((each) => each.commandId === commandId);
      if (earlier) return sameRequest(earlier, request);
      if (reviews.length >= MAX_REVIEWS) {
        const message = `Execution ${executionId} has ${reviews.length} reviews; expected fewer than ${MAX_REVIEWS}`;
        throw new InvalidRequest('TOO_MANY_REVIEWS', message);
      }
      try {
        const event = { type: 'AuditReviewed', data: review };
        const made = toStore(stream, event, context, 0, executionId);
        const { events } = chained(stream, [made], revision, link);
        const appended = await appendWithRetry(this.log, this.clock, stream, events, revision, DEFAULT_APPEND_LIMITS);
        return { id: events[0]!.id, revision: appended.revision, commandId, review };
      } catch (error) {
        if (!(error instanceof RevisionConflict) || round >= MAX_ROUNDS) throw error;
      }
    }
  }

  private async read(executionId: string) {
    const { events, revision } = await this.log.read(reviewStream(executionId));
    const last = events.at(-1);
    return { reviews: events.flatMap(reviewIn), revision, link: last ? linkOf(last) : null };
  }

  private async hashAt(executionId: string, throughRevision: number): Promise<string> {
    const from = BigInt(throughRevision);
    const { events, revision } = await this.log.read(workflowStream(executionId), from);
    if (revision === 'none') throw new NotFound(`There is no execution ${executionId}`);
    const reviewed = events.find((event) => event.revision === from);
    if (reviewed) return linkOf(reviewed);
    const message = `through_revision: expected at most ${revision}, the last revision of the execution, got ${throughRevision}`;
    throw new InvalidRequest('REVISION_BEYOND_END', message, { last_revision: String(revision) });
  }
}

const reviewIn = ({ id, revision, type, data, metadata }: RecordedEvent): readonly RecordedReview[] => {
  const event = readReviewEvent(type, data);
  const { commandId } = (metadata ?? {}) as Partial<CommandContext>;
  return event ? [{ id, revision, commandId: commandId ?? null, review: event.data }] : [];
};

const sameRequest = (recorded: RecordedReview, request: ReviewRequest): RecordedReview => {
  const { throughRevision, outcome, reason } = recorded.review;
  const isSame =
    throughRevision === request.throughRevision && outcome === request.outcome && reason === request.reason;
  if (isSame) return recorded;
  throw new IdempotencyKeyReused('The Idempotency-Key was used for another review of this execution; use a new key');
};
