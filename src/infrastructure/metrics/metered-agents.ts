import {
  Agents,
  type AgentCall,
  type AgentInfo,
  type AgentReply,
  type Deferred,
} from '../../application/agents/agents.js';

/** Agents whose calls are counted by what came of them: success, deferred, or the class of the error. */
export class MeteredAgents extends Agents {
  constructor(
    private readonly agents: Agents,
    private readonly count: (agent: string, outcome: string) => void,
  ) {
    super();
  }

  async call(call: AgentCall): Promise<AgentReply | Deferred> {
    const reply = await this.agents.call(call);
    this.count(call.agent, outcomeOf(reply));
    return reply;
  }

  list(): readonly AgentInfo[] {
    return this.agents.list();
  }
}

const outcomeOf = (reply: AgentReply | Deferred): string => {
  if ('deferred' in reply) return 'deferred';
  return reply.success ? 'success' : reply.error.type;
};
