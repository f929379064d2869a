import { Body, Controller, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { ControlWorkflow, type ControlOrder } from '../../../application/commands/control-workflow.js';
import { StartWorkflow, type StartRequest } from '../../../application/commands/start-workflow.js';
import { answer, controlledAnswer, startedAnswer } from '../server/answers.js';
import { callerOf } from '../server/caller.js';
import {
  controlOrder,
  ControlWorkflowBody,
  executeOrder,
  ExecuteWorkflowBody,
  type OperatorBody,
} from './control-workflow.js';
import { NoQuery } from './queries.js';
import { StartWorkflowBody } from './start-workflow.js';
import { onlyAtOf } from '../server/entity-tag.js';
import { HttpLimits } from '../server/http-limits.js';
import { location } from '../server/public-path.js';
import { Refusal } from '../server/refusal.js';
import { RequiredReasons, type ReasonedAction } from './required-reasons.js';

/** Strongly consistent: an answer means that the command's events are in the log. */
@Controller('api/v1/workflow')
export class CommandsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly limits: HttpLimits,
    private readonly reasons: RequiredReasons,
  ) {}

  @Post('start')
  @HttpCode(201)
  async start(
    @Query() _none: NoQuery,
    @Body() body: StartWorkflowBody,
    @Req() httpRequest: Request,
    @Res({ passthrough: true }) response: Response,
  ) {
    const request = this.startRequest(body);
    const caller = callerOf(httpRequest, request.triggeredBy, null);
    const outcome = await this.commands.execute(new StartWorkflow(request, caller));
    location(response, `/api/v1/workflow?execution_id=${outcome.state.executionId}`);
    return answer(startedAnswer(outcome, request));
  }

  @Post('control')
  @HttpCode(200)
  control(@Query() _none: NoQuery, @Body() body: ControlWorkflowBody, @Req() request: Request) {
    return this.carryOut(body, body.action, controlOrder(body), request);
  }

  @Post('execute')
  @HttpCode(200)
  execute(@Query() _none: NoQuery, @Body() body: ExecuteWorkflowBody, @Req() request: Request) {
    return this.carryOut(body, body.mode, executeOrder(body), request);
  }

  private async carryOut(
    { execution_id, actor_id, reason }: OperatorBody,
    action: ReasonedAction,
    order: ControlOrder,
    request: Request,
  ) {
    const caller = callerOf(request, actor_id, this.reasons.reasonFor(action, reason));
    const command = new ControlWorkflow(execution_id.toLowerCase(), order, caller, onlyAtOf(request));
    const outcome = await this.commands.execute(command);
    return answer(controlledAnswer(outcome, new Date()));
  }

  private startRequest(body: StartWorkflowBody): StartRequest {
    const metadata = body.metadata ?? {};
    const bytes = Buffer.byteLength(JSON.stringify(metadata));
    const limit = this.limits.metadataBytes;
    if (bytes > limit) {
      const problem = { field: 'metadata', expected: `at most ${limit} bytes as JSON`, received: `${bytes}` };
      const message = `metadata: expected ${problem.expected}, got ${bytes}`;
      throw new Refusal(413, 'METADATA_TOO_LARGE', message, [problem]);
    }
    return {
      projectId: body.project_id,
      documentType: body.document_type,
      triggeredBy: body.triggered_by ?? null,
      autoExecute: body.auto_execute ?? true,
      metadata,
    };
  }
}
