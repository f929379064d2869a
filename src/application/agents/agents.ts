import type { JsonObject } from '../../domain/json.js';
import type { Checkpoint } from '../../domain/workflow/summary.js';
import type { StepError } from '../../domain/workflow/retry-policy.js';

/** The body that every agent is sent, in the words of the API. */
export type AgentInput = Readonly<{
  execution_id: string;
  project_id: string;
  document_type: string;
  step: string;
  attempt: number;
  metadata: JsonObject;
  checkpoint: Checkpoint;
}>;

export type AgentCall = Readonly<{
  agent: string;
  input: AgentInput;
  /** The same for all attempts of a generation. */
  idempotencyKey: string;
  traceparent: string;
  /** When the attempt times out. `signal` aborts then, and when the attempt is cancelled or abandoned. */
  deadline: Date;
  signal: AbortSignal;
}>;

export type AgentArtifact = Readonly<{
  name: string;
  contentType: string;
  content: Uint8Array;
}>;

export type AgentSuccess = Readonly<{
  success: true;
  data: JsonObject;
  metadata: JsonObject;
  artifacts: readonly AgentArtifact[];
}>;
export type AgentFailure = Readonly<{ success: false; error: StepError; retryAfterMs: number | null }>;
export type AgentReply = AgentSuccess | AgentFailure;

/** No result yet: the agent has taken the attempt's task token and will report under it. */
export type Deferred = Readonly<{ deferred: true }>;
export const deferred: Deferred = { deferred: true };

export type AgentInfo = Readonly<{
  name: string;
  kind: 'http' | 'function';
  url: string | null;
  /** What each call carries beside the work: names of headers, and whether it is signed. */
  sends?: Readonly<{ headers: readonly string[]; signed: boolean }> | undefined;
}>;

export abstract class Agents {
  /** Never throws: whatever goes wrong is classed and comes back as an unsuccessful reply. */
  abstract call(call: AgentCall): Promise<AgentReply | Deferred>;
  abstract list(): readonly AgentInfo[];
}

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
