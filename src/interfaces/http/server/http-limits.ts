/** How much a request may hold. An abstract class, so that it is its own injection token. */
export abstract class HttpLimits {
  /** Bytes of a body. */
  abstract readonly bodyBytes: number;
  /** Bytes of a body that is sent to one of the document agents: a checkpoint holds all that was made so far. */
  abstract readonly agentBodyBytes: number;
  /** Bytes of a body that reports on a task: as many as an agent may answer directly. */
  abstract readonly taskBodyBytes: number;
  /** Members of a body's arrays and objects, all of them together. */
  abstract readonly bodyMembers: number;
  /** The same for a body that is sent to a document agent, and for one that reports on a task. */
  abstract readonly agentBodyMembers: number;
  abstract readonly taskBodyMembers: number;
  /** Bytes of an execution's metadata, as JSON. */
  abstract readonly metadataBytes: number;
  /** Levels of objects and arrays in a body, its outermost object included. */
  abstract readonly jsonDepth: number;
  /** The same for a body that is sent to a document agent or reports on a task; above what an agent's answer may have. */
  abstract readonly agentJsonDepth: number;
}

export const defaultHttpLimits: HttpLimits = {
  bodyBytes: 1024 * 1024,
  agentBodyBytes: 32 * 1024 * 1024,
  taskBodyBytes: 16 * 1024 * 1024,
  bodyMembers: 100_000,
  agentBodyMembers: 500_000,
  taskBodyMembers: 100_000,
  metadataBytes: 64 * 1024,
  jsonDepth: 64,
  agentJsonDepth: 128,
};
