import { Body, Controller, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { DocumentAgents, type AgentResultJson } from '../../../application/agents/agents.js';
import type { ErrorType } from '../../../domain/workflow/retry-policy.js';
import type { AgentInput } from '../../../application/agents/agents.js';
import type { JsonObject } from '../../../domain/json.js';
import type { Checkpoint } from '../../../domain/workflow/summary.js';
import { AGENT_PATHS, groupOf } from '../server/route-group.js';
import { NoQuery, Field, isObject, JsonObjectField, OpaqueId, PositiveInteger, Uuid } from '../server/fields.js';
import { Refusal } from '../server/refusal.js';

const CheckpointField = () =>
  Field(
    'an object of last_completed_step (text or null) and intermediate_results (an object)',
    (value) =>
      isObject(value) &&
      Object.keys(value).length === 2 &&
      (value['last_completed_step'] === null || typeof value['last_completed_step'] === 'string') &&
      isObject(value['intermediate_results']),
  );

class AgentInputBody implements AgentInput {
  @Uuid()
  execution_id!: string;

  @OpaqueId()
  project_id!: string;

  @OpaqueId()
  document_type!: string;

  @OpaqueId()
  step!: string;

  @PositiveInteger()
  attempt!: number;

  @JsonObjectField()
  metadata!: JsonObject;

  @CheckpointField()
  checkpoint!: Checkpoint;
}

/** For callers that look at the status alone; the body names the type. */
const STATUS: Readonly<Record<ErrorType, number>> = { validation: 422, transient: 503, fatal: 500 };

/** The document agents as HTTP services of the same shape as any other agent's. */
@Controller()
export class DocumentAgentsController {
  constructor(private readonly agents: DocumentAgents) {}

  @Post(Object.keys(AGENT_PATHS))
  @HttpCode(200)
  async run(
    @Query() _none: NoQuery,
    @Body() input: AgentInputBody,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<AgentResultJson> {
    const group = groupOf(request);
    if (group.kind !== 'agent') throw new Refusal(404, 'NOT_FOUND', 'There is no such agent');
    const result = await this.agents.run(group.agent, input);
    if (!result.success) response.status(STATUS[result.error.type]);
    return result;
  }
}
