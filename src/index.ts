/** The package's root: what a module of custom agents needs, and a client that follows workflows. Importing it starts nothing. */
export type { AgentInput } from './application/agents.js';
export { registerAgent } from './infrastructure/agents/registry.js';
export type { AgentContext, AgentFunction, AgentResult } from './infrastructure/agents/registry.js';
export { createClient } from './lib/supabase/client.js';
