export type AgentLimits = Readonly<{
  /** The JSON that an agent is sent, bytes. */
  requestBytes: number;
  /** The JSON that an agent answers, artifacts included, bytes. */
  answerBytes: number;
  /** How deep objects and arrays of an answer may be nested. */
  answerDepth: number;
  /** Members of its arrays and objects, all of them together. */
  answerMembers: number;
  artifactsPerAnswer: number;
  /** Error messages are cut to this many UTF-16 units. */
  messageLength: number;
  /** The message of a heartbeat is cut to this many UTF-16 units. */
  progressLength: number;
  /** A longer Retry-After is taken for this one. */
  retryAfterMs: number;
  /** At least as many as steps run at once, or calls wait for each other within their deadlines. */
  connectionsPerOrigin: number;
  connectTimeoutMs: number;
  /** How long an idle connection is kept. Shorter than what servers allow, or a call meets a connection that is being closed. */
  idleConnectionMs: number;
}>;

export const defaultAgentLimits: AgentLimits = {
  requestBytes: 16 * 1024 * 1024,
  answerBytes: 16 * 1024 * 1024,
  answerDepth: 100,
  answerMembers: 100_000,
  artifactsPerAnswer: 100,
  messageLength: 4000,
  progressLength: 500,
  retryAfterMs: 60 * 60 * 1000,
  connectionsPerOrigin: 256,
  connectTimeoutMs: 10_000,
  idleConnectionMs: 4000,
};
