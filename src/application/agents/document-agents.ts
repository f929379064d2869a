import type { JsonObject } from '../../domain/json.js';
import type { StepError } from '../../domain/workflow/retry-policy.js';
import type { AgentInput } from './agents.js';

/** The agents that this application offers as HTTP services, in the order of a document's way. */
export type DocumentAgentName = 'regdata' | 'composer' | 'writer' | 'validator' | 'assembler' | 'export';

/** What an agent answers over HTTP. Files travel inside it as padded base64. */
export type AgentResultJson =
  | Readonly<{
      success: true;
      data: JsonObject;
      metadata?: JsonObject;
      artifacts?: readonly Readonly<{ name: string; content_type: string; content_base64: string }>[];
    }>
  | Readonly<{ success: false; error: StepError }>;

export abstract class DocumentAgents {
  /** An input that the agent cannot work with is an unsuccessful result, not an exception. */
  abstract run(agent: DocumentAgentName, input: AgentInput): Promise<AgentResultJson>;
}
