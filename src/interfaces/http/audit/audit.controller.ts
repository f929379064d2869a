import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { IsOptional } from 'class-validator';
import { AccessLog } from '../../../application/access/access-log.js';
import { ReviewAudit } from '../../../application/commands/control-workflow.js';
import { ListAuditReviews, type RecordedReview } from '../../../application/audit/reviews.js';
import { OUTCOMES, type ReviewOutcome, type ReviewStatus } from '../../../domain/audit/review.js';
import { GetAuditPack } from '../../../application/audit/pack/audit-pack.js';
import { actorAnswer } from '../../../application/queries/shown-actor.js';
import { answer } from '../server/answer.js';
import { principalOf } from '../access/principal.js';
import { callerOf, clientLeft, requestIdOf } from '../server/caller.js';
import { ExecutionPath, NoQuery, Field, OneOf, OpaqueId, Reason } from '../server/fields.js';

/** As a number, or as the text that answers give. */
export const Revision = () =>
  Field(
    'a revision: a whole number from 0',
    (value) => {
      const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
      return Number.isSafeInteger(number) && (number as number) >= 0;
    },
    { type: ['string', 'integer'], minimum: 0, pattern: '^\\d{1,16}$' },
  );

class ReviewAuditBody {
  @Revision()
  through_revision!: number | string;

  @OneOf(...OUTCOMES)
  outcome!: ReviewOutcome;

  @Reason()
  reason!: string;

  @IsOptional()
  @OpaqueId()
  actor_id?: string | null;
}

/** Strongly consistent: reviews are read from the log and written to it. */
@Controller('api/v1/workflow/:execution_id')
export class AuditController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly accessLog: AccessLog,
  ) {}

  @Post('audit-reviews')
  @HttpCode(201)
  async review(
    @Query() _none: NoQuery,
    @Param() path: ExecutionPath,
    @Body() { through_revision, outcome, reason, actor_id }: ReviewAuditBody,
    @Req() request: Request,
  ) {
    const executionId = path.execution_id.toLowerCase();
    const caller = callerOf(request, actor_id, reason);
    const asked = { throughRevision: Number(through_revision), outcome, reason };
    const recorded = await this.commands.execute(new ReviewAudit(executionId, asked, caller));
    const { status } = await this.queries.execute(new ListAuditReviews(executionId));
    return answer({ review: reviewAnswer(recorded), audit: auditAnswer(status) });
  }

  @Get('audit-reviews')
  async reviews(@Query() _none: NoQuery, @Param() path: ExecutionPath) {
    const { reviews, status } = await this.queries.execute(new ListAuditReviews(path.execution_id.toLowerCase()));
    return answer({ reviews: reviews.map(reviewAnswer), audit: auditAnswer(status) });
  }

  /**
   * A ZIP that proves the execution's history to a reader who has nothing else. Made anew for each request, and given out when it
   * is recorded that it is.
   */
  @Get('audit-pack')
  async pack(
    @Param() path: ExecutionPath,
    @Query() _none: NoQuery,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const executionId = path.execution_id.toLowerCase();
    const { name, content } = await this.queries.execute(new GetAuditPack(executionId, clientLeft(response)));
    await this.accessLog.packExported(principalOf(request), executionId, requestIdOf(request));
    response.setHeader('Content-Type', 'application/zip');
    response.setHeader('Content-Disposition', `attachment; filename="${name}"`);
    response.setHeader('Cache-Control', 'no-store');
    response.send(Buffer.from(content.buffer, content.byteOffset, content.byteLength));
  }
}

const reviewAnswer = ({ id, revision, review }: RecordedReview) => ({
  id,
  execution_id: review.executionId,
  revision: String(revision),
  through_revision: String(review.throughRevision),
  event_hash: review.eventHash,
  outcome: review.outcome,
  reason: review.reason,
  actor: actorAnswer(review.actor),
  reviewed_at: review.at,
});

export const auditAnswer = ({ reviewedThrough, unreviewedEvents, last }: ReviewStatus) => ({
  reviewed_through: reviewedThrough === null ? null : String(reviewedThrough),
  unreviewed_events: unreviewedEvents,
  last_outcome: last?.outcome ?? null,
  last_reviewed_at: last?.at ?? null,
  last_reviewed_by: last && actorAnswer(last.actor),
});
