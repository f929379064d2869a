/** Reviews of histories, in the log: recorded once, listed from the log itself. */
import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import {
  readReviewEvent,
  reviewStream,
  type AuditReviewed,
  type ReviewOutcome,
  reviewStatus,
  type ReviewStatus,
} from '../../domain/audit/review.js';
import { isProven, mustBeSeparate } from '../../domain/access/duties.js';
import type { Clock } from '../runtime/clock.js';
import { enveloped, type Actor, type CommandContext } from '../log/envelope.js';
import { IdempotencyKeyReused, InvalidRequest, NotFound } from '../runtime/errors.js';
import { linkOf } from '../log/event-hash.js';
import type { EventLog, RecordedEvent } from '../log/event-log.js';
import { ForeignEvents } from '../log/foreign-events.js';
import { StreamWriter } from '../log/stream-writer.js';
import { Histories } from '../workflow/histories.js';
import { Workflows } from '../workflow/workflows.js';
import { eventAt, historyOf } from './signed-history.js';

/** How many an execution may have. */
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
  private readonly writer: StreamWriter;

  constructor(
    private readonly log: EventLog,
    clock: Clock,
    private readonly foreign = new ForeignEvents(),
    private readonly histories = new Histories(log),
  ) {
    this.writer = new StreamWriter(log, clock);
  }

  /** Oldest first. Empty also where there is no such execution. */
  async of(executionId: string): Promise<readonly RecordedReview[]> {
    return (await this.read(executionId)).reviews;
  }

  /**
   * A repeat under one command id is answered with what the first one recorded.
   * @throws NotFound, HistoryDamaged, InvalidRequest for a revision beyond the end, IdempotencyKeyReused, LogUnavailable
   */
  async record(executionId: string, request: ReviewRequest, context: CommandContext): Promise<RecordedReview> {
    const { actor, at, commandId } = context;
    const eventHash = isProven(actor)
      ? await this.separately(executionId, request.throughRevision, actor)
      : await this.hashAt(executionId, request.throughRevision);
    const review: AuditReviewed = { executionId, ...request, eventHash, actor, at: at.toISOString() };
    const stream = reviewStream(executionId);
    const causationId = context.causationId ?? commandId;
    const belonging = { owner: stream, correlationId: executionId, causationId };
    const unchained = [enveloped({ type: 'AuditReviewed', data: review }, context, 0, belonging)];
    const { fold, appended } = await this.writer.write(
      stream,
      commandId,
      { fresh: () => this.read(executionId) },
      ({ reviews: { length } }) => {
        if (length < MAX_REVIEWS) return { unchained };
        const message = `Execution ${executionId} has ${length} reviews; expected fewer than ${MAX_REVIEWS}`;
        throw new InvalidRequest('TOO_MANY_REVIEWS', message);
      },
    );
    if (!appended)
      return sameRequest(
        fold.reviews.find((each) => each.commandId === commandId)!,
        request,
      );
    return { id: appended.events[0]!.id, revision: appended.revision, commandId, review };
  }

  private async read(executionId: string) {
    const { events, revision } = await this.log.read(reviewStream(executionId));
    const last = events.at(-1);
    const reviews = events.flatMap((event) => reviewIn(event, this.foreign));
    // All of them, not the latest alone: a repeat is recognised however many reviews came after it.
    const commands = reviews.flatMap(({ commandId }) => commandId ?? []);
    return { reviews, revision, commands, link: last ? linkOf(last) : null };
  }

  /** A proven actor may have acted anywhere in the history: it is read whole. @throws DutiesNotSeparate, and as `hashAt` */
  private async separately(executionId: string, throughRevision: number, actor: Actor): Promise<string> {
    const { events } = await this.histories.read(executionId);
    if (events.length === 0) throw new NotFound(`There is no execution ${executionId}`);
    const hash = linkOf(eventAt(events, throughRevision));
    mustBeSeparate(actor, 'audit_review', historyOf(events));
    return hash;
  }

  private async hashAt(executionId: string, throughRevision: number): Promise<string> {
    const from = BigInt(throughRevision);
    if (from > 0n) await this.histories.begins(executionId);
    const { events, revision } = await this.histories.read(executionId, from);
    if (revision === 'none') throw new NotFound(`There is no execution ${executionId}`);
    return linkOf(eventAt(events, throughRevision, revision));
  }
}

/** What is no review of this application's was never given by a person: it counts for nothing. */
const reviewIn = (recorded: RecordedEvent, foreign: ForeignEvents): readonly RecordedReview[] => {
  const { id, revision, type, data, metadata } = recorded;
  try {
    const event = readReviewEvent(type, data);
    const { commandId } = (metadata ?? {}) as Partial<CommandContext>;
    return event ? [{ id, revision, commandId: commandId ?? null, review: event.data }] : [];
  } catch (error) {
    foreign.found(recorded, error);
    return [];
  }
};

const sameRequest = (recorded: RecordedReview, request: ReviewRequest): RecordedReview => {
  const { throughRevision, outcome, reason } = recorded.review;
  const isSame =
    throughRevision === request.throughRevision && outcome === request.outcome && reason === request.reason;
  if (isSame) return recorded;
  throw new IdempotencyKeyReused('The Idempotency-Key was used for another review of this execution; use a new key');
};

type ReviewsAnswer = Readonly<{ reviews: readonly RecordedReview[]; status: ReviewStatus }>;

/** From the log itself, oldest first. `head`: the revision to count up to; null: the execution's last. */
export class ListAuditReviews extends Query<ReviewsAnswer> {
  constructor(
    readonly executionId: string,
    readonly head: bigint | null = null,
  ) {
    super();
  }
}

@QueryHandler(ListAuditReviews)
export class ListAuditReviewsHandler implements IQueryHandler<ListAuditReviews> {
  constructor(
    private readonly reviews: AuditReviews,
    private readonly workflows: Workflows,
  ) {}

  async execute({ executionId, head }: ListAuditReviews): Promise<ReviewsAnswer> {
    const revision = head ?? (await this.workflows.load(executionId)).revision;
    if (revision === 'none') throw new NotFound(`There is no execution ${executionId}`);
    const reviews = await this.reviews.of(executionId);
    const status = reviewStatus(
      reviews.map(({ review }) => review),
      Number(revision),
    );
    return { reviews, status };
  }
}
