import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { IsOptional } from 'class-validator';
import type { HoldOrder } from '../../../application/agents/agent-holds.js';
import { HoldAgent } from '../../../application/commands/control-workflow.js';
import { ListAgents, type AgentView } from '../../../application/queries/list-agents.js';
import { DocumentAgents, type AgentResultJson, type AgentInput } from '../../../application/agents/agents.js';
import type { ErrorType } from '../../../domain/workflow/retry-policy.js';
import type { JsonObject } from '../../../domain/json.js';
import type { Checkpoint } from '../../../domain/workflow/summary.js';
import { actorAnswer } from '../../../application/queries/shown-actor.js';
import { answer } from '../server/answer.js';
import { callerOf } from '../server/caller.js';
import {
  NoQuery,
  AgentName,
  OpaqueId,
  Reason,
  Field,
  isObject,
  JsonObjectField,
  PositiveInteger,
  Uuid,
} from '../server/fields.js';
import { AGENT_PATHS, groupOf } from '../server/route-group.js';
import { Refusal } from '../server/refusal.js';

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

/** Times are ISO-8601 UTC. A rate of null is none. Of headers the names are shown alone: their values are secrets. */
const agentAnswer = ({ name, kind, url, sends, here, hold }: AgentView) => {
  const { concurrentCalls, rate, circuit } = here.bounds;
  return {
    name,
    kind,
    url,
    headers: sends?.headers ?? [],
    signed: sends?.signed ?? false,
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
    held: hold && { by: actorAnswer(hold.actor), reason: hold.reason, since: hold.at },
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

const CheckpointField = () =>
  Field(
    'an object of last_completed_step (text or null) and intermediate_results (an object)',
    (value) =>
      isObject(value) &&
      Object.keys(value).length === 2 &&
      (value['last_completed_step'] === null || typeof value['last_completed_step'] === 'string') &&
      isObject(value['intermediate_results']),
    {
      type: 'object',
      properties: {
        last_completed_step: { type: ['string', 'null'] },
        intermediate_results: { type: 'object', additionalProperties: true },
      },
      required: ['last_completed_step', 'intermediate_results'],
      additionalProperties: false,
    },
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
