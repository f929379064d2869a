import { Body, Controller, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { IsOptional } from 'class-validator';
import type { Caller } from '../../../application/commands/caller.js';
import { ControlWorkflow, type ControlOrder } from '../../../application/commands/control-workflow.js';
import { StartWorkflow, type StartRequest } from '../../../application/commands/start-workflow.js';
import type { Outcome } from '../../../application/workflow/fold-cache.js';
import { allowedActions, summarise } from '../../../domain/workflow/summary.js';
import { pauseStateOf } from '../../../domain/workflow/state.js';
import type { JsonObject } from '../../../domain/json.js';
import { answer, location } from '../server/answer.js';
import { callerOf, ifMatchOf } from '../server/caller.js';
import { NoQuery, Field, OneOf, OpaqueId, OperatorBody, Uuid, UUID, Flag, JsonObjectField } from '../server/fields.js';
import { HttpLimits } from '../server/json-body.js';
import { Refusal, received, type Problem } from '../server/refusal.js';

/** What operators do, each in the word of its request. */
type ReasonedAction = 'pause' | 'resume' | 'retry' | 'cancel' | 'next_step' | 'remaining' | 'hold' | 'release';

/** For which of them this installation wants to know why. */
export class RequiredReasons {
  constructor(private readonly actions: readonly ReasonedAction[]) {}

  /**
   * @returns the reason as it is recorded; null where none was given, blanks counting as none
   * @throws Refusal 400 where a reason is required
   */
  reasonFor(action: ReasonedAction, given: string | null | undefined): string | null {
    const reason = given?.trim() ? given : null;
    if (reason !== null || !this.actions.includes(action)) return reason;
    const expected = `the reason for ${action}, which this installation requires`;
    const problem: Problem = { field: 'reason', expected, received: received(given ?? undefined) };
    throw new Refusal(400, 'REASON_REQUIRED', `reason: expected ${expected}, got ${problem.received}`, [problem]);
  }
}

/** Null in an optional field is the same as its absence. */
export class StartWorkflowBody {
  @OpaqueId()
  project_id!: string;

  @OpaqueId()
  document_type!: string;

  @IsOptional()
  @OpaqueId()
  triggered_by?: string | null;

  @IsOptional()
  @Flag()
  auto_execute?: boolean | null;

  @IsOptional()
  @JsonObjectField()
  metadata?: JsonObject | null;
}

/** The caller, the execution and the reason. */
class ExecutionBody extends OperatorBody {
  @Uuid()
  execution_id!: string;
}

const CONTROL_ACTIONS = ['pause', 'resume', 'retry', 'cancel'] as const;

const isRetry = (dto: object) => (dto as ControlWorkflowBody).action === 'retry';

/** A step is retried, an execution is paused, resumed or cancelled: a step beside those would be ignored in silence. */
const RetriedStep = () =>
  Field(
    (dto) => (isRetry(dto) ? 'the UUID of the step to retry' : 'nothing, as only retry names a step'),
    (value, dto) =>
      isRetry(dto) ? typeof value === 'string' && UUID.test(value) : value === undefined || value === null,
    { type: ['string', 'null'], format: 'uuid' },
  );

class ControlWorkflowBody extends ExecutionBody {
  @OneOf(...CONTROL_ACTIONS)
  action!: (typeof CONTROL_ACTIONS)[number];

  @RetriedStep()
  step_id?: string | null;
}

const EXECUTE_MODES = ['next_step', 'remaining'] as const;

class ExecuteWorkflowBody extends ExecutionBody {
  @OneOf(...EXECUTE_MODES)
  mode!: (typeof EXECUTE_MODES)[number];
}

const controlOrder = ({ action, step_id }: ControlWorkflowBody): ControlOrder => {
  switch (action) {
    case 'pause':
      return { type: 'PauseWorkflow', data: {} };
    case 'resume':
      return { type: 'ResumeWorkflow', data: {} };
    case 'cancel':
      return { type: 'CancelWorkflow', data: {} };
    case 'retry':
      return { type: 'RetryStep', data: { stepId: (step_id ?? '').toLowerCase() } };
  }
};

const executeOrder = ({ mode }: ExecuteWorkflowBody): ControlOrder =>
  mode === 'next_step' ? { type: 'ExecuteNextStep', data: {} } : { type: 'ExecuteRemaining', data: {} };

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
    const asked = startRequestOf(body, this.limits);
    const caller = callerOf(httpRequest, asked.triggeredBy, null);
    const request = startedBy(caller, asked);
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
    { execution_id, actor_id, reason }: ExecutionBody,
    action: ReasonedAction,
    order: ControlOrder,
    request: Request,
  ) {
    const caller = callerOf(request, actor_id, this.reasons.reasonFor(action, reason));
    const command = new ControlWorkflow(execution_id.toLowerCase(), order, caller, ifMatchOf(request));
    const outcome = await this.commands.execute(command);
    return answer(controlledAnswer(outcome, new Date()));
  }
}

/** @throws Refusal 413 for too much metadata */
export const startRequestOf = (
  body: StartWorkflowBody,
  { metadataBytes: limit }: Pick<HttpLimits, 'metadataBytes'>,
): StartRequest => {
  const metadata = body.metadata ?? {};
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
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
};

/** Who started it is whom the credential proves; a name in the body counts where nothing was proved. */
const startedBy = ({ actor }: Caller, request: StartRequest): StartRequest =>
  actor.verified ? { ...request, triggeredBy: actor.id } : request;

/** The execution as it was created, however far it has got since: a repeated start gets the answer of the first. */
const startedAnswer = ({ answer: state, revision, position, createdAt }: Outcome, request: StartRequest) => ({
  execution: {
    id: state.executionId,
    project_id: state.projectId,
    document_type: state.documentType,
    workflow_name: state.definition.name,
    triggered_by: request.triggeredBy,
    auto_execute: request.autoExecute,
    current_state: 'created',
    current_step: null,
    percent_complete: 0,
    metadata: state.metadata,
    created_at: createdAt,
    revision: revision.toString(),
  },
  started: request.autoExecute,
  revision: revision.toString(),
  position: position?.toString() ?? null,
});

const controlledAnswer = ({ state, revision, position, appended }: Outcome, now: Date) => {
  const summary = summarise(state, now);
  const pauseState = pauseStateOf(state);
  return {
    execution: {
      id: state.executionId,
      project_id: state.projectId,
      document_type: state.documentType,
      current_state: summary.state,
      pause_state: pauseState,
      drained: pauseState === 'paused',
      current_step: summary.step,
      next_step: summary.nextStep,
      percent_complete: summary.percentComplete,
      allowed_actions: allowedActions(state),
      revision: revision.toString(),
    },
    changed: appended.length > 0,
    revision: revision.toString(),
    position: position?.toString() ?? null,
  };
};
