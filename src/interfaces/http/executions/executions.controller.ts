import { Controller, Get, Query, Res } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { Response } from 'express';
import { GetExecution } from '../../../application/queries/get-execution.js';
import { GetPastExecution } from '../../../application/history/get-past-execution.js';
import { ListAuditReviews } from '../../../application/audit/reviews.js';
import { ListExecutions } from '../../../application/queries/list-executions.js';
import { answer, executionAnswer, pastAnswer } from '../server/answers.js';
import { auditAnswer } from '../audit/audit-answer.js';
import { clientLeft } from '../server/client-left.js';
import { ExecutionQuery, EXECUTIONS_PER_PAGE, ExecutionsQuery } from './queries.js';
import { instantOf, isTrue, revisionOf } from '../server/query-fields.js';
import { tag } from '../server/entity-tag.js';
import { final } from '../history/final.js';
import { momentOf } from '../history/moment.js';

/** Eventually consistent: what the read tables show; of the past, what they showed then. */
@Controller('api/v1/workflow')
export class ExecutionsController {
  constructor(private readonly queries: QueryBus) {}

  @Get()
  async one(@Query() query: ExecutionQuery, @Res({ passthrough: true }) response: Response) {
    const include = { steps: isTrue(query.include_steps), events: isTrue(query.include_events) };
    const minRevision = revisionOf(query.min_revision);
    const executionId = query.execution_id.toLowerCase();
    const moment = momentOf(query);
    const left = clientLeft(response);
    if (moment) {
      const past = await this.queries.execute(new GetPastExecution(executionId, include, moment, left));
      if (past.isFinal) final(response);
      tag(response, `past-${past.revision}`);
      return answer(pastAnswer(past, query));
    }
    const found = await this.queries.execute(new GetExecution(executionId, include, minRevision, left));
    const audit = isTrue(query.include_audit) ? await this.audit(found.execution) : undefined;
    // A review changes the answer and no revision.
    if (!audit) tag(response, found.execution.revision);
    return answer({ ...executionAnswer(found, minRevision), ...(audit && { audit }) });
  }

  private async audit({ id, revision }: Readonly<{ id: string; revision: string }>) {
    const { status } = await this.queries.execute(new ListAuditReviews(id, BigInt(revision)));
    return auditAnswer(status);
  }

  @Get('executions')
  async many(@Query() query: ExecutionsQuery) {
    const filter = {
      state: query.state,
      projectId: query.project_id,
      documentType: query.document_type,
      createdAfter: instantOf(query.created_after),
      createdBefore: instantOf(query.created_before),
    };
    const page = {
      cursor: query.cursor ?? null,
      limit: Number(query.limit ?? EXECUTIONS_PER_PAGE.usual),
      checkpoints: isTrue(query.include_checkpoint),
    };
    const { rows, nextCursor } = await this.queries.execute(new ListExecutions(filter, page));
    return answer({ executions: rows, next_cursor: nextCursor });
  }
}
