import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { IsOptional } from 'class-validator';
import type { Response } from 'express';
import { CompareExecutions } from '../../../application/history/compare-executions.js';
import { GetDiff } from '../../../application/history/get-diff.js';
import { actorAnswer } from '../../../application/queries/shown-actor.js';
import { answer, markImmutable } from '../server/answer.js';
import { clientLeft } from '../server/caller.js';
import { ExecutionPath, NoQuery, Uuid, RevisionText, revisionOf } from '../server/fields.js';

class DiffQuery {
  @IsOptional()
  @RevisionText()
  from?: string;

  @IsOptional()
  @RevisionText()
  to?: string;
}

class ComparePath {
  @Uuid()
  execution_id!: string;

  @Uuid()
  other_id!: string;
}

/** Differences within a history, and between two. Strongly consistent: from the log. */
@Controller('api/v1/workflow')
export class HistoryController {
  constructor(private readonly queries: QueryBus) {}

  @Get(':execution_id/diff')
  async diff(@Param() path: ExecutionPath, @Query() query: DiffQuery, @Res({ passthrough: true }) response: Response) {
    const asked = new GetDiff(
      path.execution_id.toLowerCase(),
      revisionOf(query.from),
      revisionOf(query.to),
      clientLeft(response),
    );
    const { from, to, changes } = await this.queries.execute(asked);
    if (query.to !== undefined) markImmutable(response);
    const shown = changes.map(({ changed_by, ...change }) => ({
      ...change,
      changed_by: { ...changed_by, actor: changed_by.actor && actorAnswer(changed_by.actor) },
    }));
    return answer({ from: String(from), to: String(to), changes: shown });
  }

  @Get(':execution_id/compare/:other_id')
  async compare(@Param() path: ComparePath, @Query() _none: NoQuery, @Res({ passthrough: true }) response: Response) {
    const [a, b] = [path.execution_id.toLowerCase(), path.other_id.toLowerCase()];
    return answer(await this.queries.execute(new CompareExecutions(a, b, clientLeft(response))));
  }
}
