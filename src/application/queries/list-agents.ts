import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import type { Hold } from '../../domain/agent/hold.js';
import { AgentHolds } from '../agents/agent-holds.js';
import { Agents, type AgentInfo } from '../agents/agents.js';
import { WorkflowSaga } from '../saga/workflow-saga.js';

export type AgentView = AgentInfo &
  Readonly<{
    /** Calls, line, circuit and limits of this instance alone. */
    here: ReturnType<WorkflowSaga['agent']>;
    /** Holds on every instance. */
    hold: Hold;
  }>;

/** Every agent, or the one of that name, as this instance sees it. */
export class ListAgents extends Query<readonly AgentView[]> {
  constructor(readonly name: string | null = null) {
    super();
  }
}

@QueryHandler(ListAgents)
export class ListAgentsHandler implements IQueryHandler<ListAgents> {
  constructor(
    private readonly agents: Agents,
    private readonly holds: AgentHolds,
    private readonly saga: WorkflowSaga,
  ) {}

  /** What is not known of a hold yet is read first. */
  execute({ name }: ListAgents): Promise<readonly AgentView[]> {
    const asked = this.agents.list().filter((agent) => name === null || agent.name === name);
    return Promise.all(
      asked.map(async (agent) => {
        const known = this.holds.of(agent.name);
        const hold = known === undefined ? await this.holds.refresh(agent.name) : known;
        return { ...agent, here: this.saga.agent(agent.name), hold };
      }),
    );
  }
}
