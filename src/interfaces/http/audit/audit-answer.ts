/** Reviews in the words of the API. Revisions are strings, as everywhere. */
import type { RecordedReview } from '../../../application/audit/reviews.js';
import type { ReviewStatus } from '../../../domain/audit/review.js';

export const reviewAnswer = ({ id, revision, review }: RecordedReview) => ({
  id,
  execution_id: review.executionId,
  revision: String(revision),
  through_revision: String(review.throughRevision),
  event_hash: review.eventHash,
  outcome: review.outcome,
  reason: review.reason,
  actor: review.actor,
  reviewed_at: review.at,
});

export const auditAnswer = ({ reviewedThrough, unreviewedEvents, last }: ReviewStatus) => ({
  reviewed_through: reviewedThrough === null ? null : String(reviewedThrough),
  unreviewed_events: unreviewedEvents,
  last_outcome: last?.outcome ?? null,
  last_reviewed_at: last?.at ?? null,
  last_reviewed_by: last?.actor ?? null,
});
