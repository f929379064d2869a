import {
  DocumentAgents,
  type AgentResultJson,
  type DocumentAgentName,
  type AgentInput,
} from '../application/agents/agents.js';
import type { DocumentContext } from '../agents/investigators-brochure/agent.js';
import { documentAgents } from '../agents/investigators-brochure/index.js';

const FUNCTIONS = {
  regdata: documentAgents.enrich,
  composer: documentAgents.compose,
  writer: documentAgents.write,
  validator: documentAgents.validate,
  assembler: documentAgents.assemble,
  export: documentAgents.export,
} satisfies Record<DocumentAgentName, unknown>;

/** The document agents in this process, behind the endpoints that serve them. */
export class LocalDocumentAgents extends DocumentAgents {
  constructor(private readonly context: DocumentContext) {
    super();
  }

  run(agent: DocumentAgentName, input: AgentInput): Promise<AgentResultJson> {
    return FUNCTIONS[agent](input, this.context);
  }
}
