import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { reviewStatus, type ReviewStatus } from '../../domain/audit/review.js';
import { AuditReviews, type RecordedReview } from '../audit/reviews.js';
import { NotFound } from '../runtime/errors.js';
import { Workflows } from '../workflow/workflows.js';

export type ReviewsAnswer = Readonly<{ reviews: readonly RecordedReview[]; status: ReviewStatus }>;

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
