/**
 * The package's root: what a module of custom agents needs, the application as a part of another program, a client that follows
 * workflows, and the event store's own client for the embedded node. Importing it starts nothing.
 */
import type { WorkflowExecutor } from './composition/executor.js';

export type { AgentInput } from './application/agents/agents.js';
export { registerAgent } from './infrastructure/agents/registry.js';
export type { AgentContext, AgentFunction, AgentResult } from './infrastructure/agents/registry.js';
export { connect as connectToEventStore } from './infrastructure/eventstore/connect.js';
export { createClient } from './lib/supabase/client.js';
export type { EndedExecution, StartBody, WorkflowExecutor } from './composition/executor.js';

/**
 * Starts an instance in this process, its API on `PORT` as well: see docs/running.md. Agents are the functions that were given to
 * registerAgent() before, and the URLs of the settings.
 * @param settings of docs/settings.md by their names; the others come from the environment and the .env file
 * @throws Error that lists everything that is wrong with them
 */
export const startExecutor = async (settings: Readonly<Record<string, string>> = {}): Promise<WorkflowExecutor> =>
  (await import('./composition/executor.js')).startExecutor(settings);
