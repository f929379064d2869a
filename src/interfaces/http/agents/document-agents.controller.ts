import { Body, Controller, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { DocumentAgents, type AgentResultJson } from '../../../application/agents/agents.js';
import type { ErrorType } from '../../../domain/workflow/retry-policy.js';
import { AGENT_PATHS, agentAt } from './agent-paths.js';
import { AgentInputBody } from './agent-input.js';
import { NoQuery } from '../executions/queries.js';
import { Refusal } from '../server/refusal.js';

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
    const agent = agentAt(request.path);
    if (!agent) throw new Refusal(404, 'NOT_FOUND', 'There is no such agent');
    const result = await this.agents.run(agent, input);
    if (!result.success) response.status(STATUS[result.error.type]);
    return result;
  }
}
