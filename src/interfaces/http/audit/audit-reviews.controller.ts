import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Request } from 'express';
import { ReviewAudit } from '../../../application/commands/review-audit.js';
import { ListAuditReviews } from '../../../application/audit/reviews.js';
import { answer } from '../server/answers.js';
import { auditAnswer, reviewAnswer } from './audit-answer.js';
import { callerOf } from '../server/caller.js';
import { ExecutionPath, NoQuery } from '../executions/queries.js';
import { ReviewAuditBody } from './review-audit.js';

/** Strongly consistent: both read and write the log. */
@Controller('api/v1/workflow/:execution_id/audit-reviews')
export class AuditReviewsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Post()
  @HttpCode(201)
  async record(
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

  @Get()
  async all(@Query() _none: NoQuery, @Param() path: ExecutionPath) {
    const { reviews, status } = await this.queries.execute(new ListAuditReviews(path.execution_id.toLowerCase()));
    return answer({ reviews: reviews.map(reviewAnswer), audit: auditAnswer(status) });
  }
}
