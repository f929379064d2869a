/**
 * The package's root: what a module of custom agents needs, a client that follows workflows, and the event store's own client
 * for the embedded node. Importing it starts nothing.
 */
export type { AgentInput } from './application/agents/agents.js';
export { registerAgent } from './infrastructure/agents/registry.js';
export type { AgentContext, AgentFunction, AgentResult } from './infrastructure/agents/registry.js';
export { connect as connectToEventStore } from './infrastructure/eventstore/connect.js';
export { createClient } from './lib/supabase/client.js';
