import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Request } from 'express';
import { IsOptional } from 'class-validator';
import type { HoldOrder } from '../../../application/agents/agent-holds.js';
import { HoldAgent } from '../../../application/commands/hold-agent.js';
import { ListAgents, type AgentView } from '../../../application/queries/list-agents.js';
import { answer } from '../server/answer.js';
import { callerOf } from '../server/caller.js';
import { NoQuery, AgentName, OpaqueId, Reason } from '../server/fields.js';

class AgentPath {
  @AgentName()
  name!: string;
}

/** The caller and the reason: a held agent stops the work of others, who will want to know. */
class HoldAgentBody {
  @IsOptional()
  @OpaqueId()
  actor_id?: string | null;

  @Reason()
  reason!: string;
}

/** What each instance counts and decides for itself, in memory; all else is the same on every instance. */
const PER_INSTANCE = ['running_calls', 'waiting_steps', 'limits', 'circuit'] as const;

/** Times are ISO-8601 UTC. A rate of null is none. */
const agentAnswer = ({ name, kind, url, here, hold }: AgentView) => {
  const { concurrentCalls, rate, circuit } = here.bounds;
  return {
    name,
    kind,
    url,
    running_calls: here.running,
    waiting_steps: here.waiting,
    limits: {
      concurrent_calls: concurrentCalls,
      rate: rate.calls === 0 ? null : { calls: rate.calls, window_ms: rate.windowMs },
      circuit: {
        failures: circuit.consecutiveFailures,
        failure_percent: circuit.failurePercent,
        min_calls: circuit.minimumCalls,
        window_ms: circuit.windowMs,
        cool_down_ms: circuit.coolDownMs,
      },
    },
    circuit: {
      state: here.circuit.state,
      since: here.circuit.since,
      next_trial_at: here.circuit.nextTrialAt,
      recent_failures: here.circuit.recentFailures,
    },
    held: hold && { by: hold.actor, reason: hold.reason, since: hold.at },
  };
};

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
