import { Body, Controller, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { Request } from 'express';
import { ReportTask, type TaskAnswer } from '../../../application/commands/report-task.js';
import type { JsonObject } from '../../../domain/json.js';
import { answer } from '../server/answer.js';
import { reportIn } from '../server/json-body.js';
import { requestIdOf, traceparentOf } from '../server/caller.js';
import { NoQuery } from '../server/fields.js';

/** For agents that took a task token: it names their attempt and is their permission to report on it. */
@Controller('api/v1/workflow/tasks')
export class TasksController {
  constructor(private readonly commands: CommandBus) {}

  @Post(':token')
  @HttpCode(200)
  async report(
    @Query() _none: NoQuery,
    @Param('token') token: string,
    @Body() body: Record<string, unknown>,
    @Req() request: Request,
  ) {
    const [traceparent, requestId] = [traceparentOf(request), requestIdOf(request)];
    const report = new ReportTask(token, body as JsonObject, traceparent, reportIn(request), requestId);
    return answer(taskAnswer(await this.commands.execute(report)));
  }
}

/** `continue: false`: what was reported is recorded, and nothing more is expected. */
const taskAnswer = (task: TaskAnswer) =>
  task.continue
    ? { continue: true, deadline_at: task.deadlineAt, heartbeat_due_at: task.heartbeatDueAt }
    : { continue: false };
