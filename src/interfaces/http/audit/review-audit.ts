import { IsOptional } from 'class-validator';
import { OUTCOMES, type ReviewOutcome } from '../../../domain/audit/review.js';
import { Field, OneOf, OpaqueId, Reason } from '../server/fields.js';
import { LONGEST_REASON } from '../executions/control-workflow.js';

/** As a number, or as the text that answers give. */
const Revision = () =>
  Field('a revision: a whole number from 0', (value) => {
    const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
    return Number.isSafeInteger(number) && (number as number) >= 0;
  });

export class ReviewAuditBody {
  @Revision()
  through_revision!: number | string;

  @OneOf(...OUTCOMES)
  outcome!: ReviewOutcome;

  @Reason(LONGEST_REASON)
  reason!: string;

  @IsOptional()
  @OpaqueId()
  actor_id?: string | null;
}
