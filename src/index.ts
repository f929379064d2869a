/** The package's root: what a module of custom agents needs. Importing it starts nothing. */
export type { AgentInput } from './application/agents.js';
export { registerAgent } from './infrastructure/agents/registry.js';
export type { AgentContext, AgentFunction, AgentResult } from './infrastructure/agents/registry.js';
