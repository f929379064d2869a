import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Request } from 'express';
import type { HoldOrder } from '../../../application/agents/agent-holds.js';
import { HoldAgent } from '../../../application/commands/hold-agent.js';
import { ListAgents } from '../../../application/queries/list-agents.js';
import { agentAnswer, PER_INSTANCE } from './agent-answer.js';
import { answer } from '../server/answers.js';
import { callerOf } from '../server/caller.js';
import { AgentPath, HoldAgentBody } from './hold-agent.js';
import { NoQuery } from '../executions/queries.js';

@Controller('api/v1/workflow/agents')
export class AgentsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Get()
  async all(@Query() _none: NoQuery) {
    const agents = await this.queries.execute(new ListAgents());
    return answer({ agents: agents.map(agentAnswer), per_instance: PER_INSTANCE });
  }

  @Post(':name/hold')
  @HttpCode(200)
  hold(@Query() _none: NoQuery, @Param() path: AgentPath, @Body() body: HoldAgentBody, @Req() request: Request) {
    return this.carryOut('HoldAgent', path, body, request);
  }

  @Post(':name/release')
  @HttpCode(200)
  release(@Query() _none: NoQuery, @Param() path: AgentPath, @Body() body: HoldAgentBody, @Req() request: Request) {
    return this.carryOut('ReleaseAgent', path, body, request);
  }

  private async carryOut(
    type: HoldOrder['type'],
    { name }: AgentPath,
    { actor_id, reason }: HoldAgentBody,
    request: Request,
  ) {
    const caller = callerOf(request, actor_id, reason);
    const { changed, revision, position } = await this.commands.execute(new HoldAgent(name, { type, reason }, caller));
    const [agent] = await this.queries.execute(new ListAgents(name));
    return answer({
      agent: agent ? agentAnswer(agent) : null,
      changed,
      revision: revision?.toString() ?? null,
      position: position?.toString() ?? null,
    });
  }
}
