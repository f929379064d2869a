import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { AuditReviews, type RecordedReview, type ReviewRequest } from '../audit/reviews.js';
import { Clock } from '../runtime/clock.js';
import { Ids } from '../log/ids.js';
import { contextOf, type Caller } from './caller.js';

/** A person has looked at an execution's history up to a revision. */
export class ReviewAudit extends Command<RecordedReview> {
  constructor(
    readonly executionId: string,
    readonly request: ReviewRequest,
    readonly caller: Caller,
  ) {
    super();
  }
}

@CommandHandler(ReviewAudit)
export class ReviewAuditHandler implements ICommandHandler<ReviewAudit> {
  constructor(
    private readonly reviews: AuditReviews,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  execute({ executionId, request, caller }: ReviewAudit): Promise<RecordedReview> {
    const { ids, clock } = this;
    return this.reviews.record(executionId, request, contextOf({ ids, clock }, caller, executionId, 'ReviewAudit'));
  }
}
