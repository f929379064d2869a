import type { Clock } from '../application/clock.js';
import type { Definitions } from '../application/definitions.js';
import { AgentUrls } from '../infrastructure/agents/agent-urls.js';
import { FunctionAgents } from '../infrastructure/agents/function-agents.js';
import { HttpAgents } from '../infrastructure/agents/http-agents.js';
import { registeredAgents } from '../infrastructure/agents/registry.js';
import { RoutedAgents } from '../infrastructure/agents/routed-agents.js';
import type { Config } from '../infrastructure/config/config.js';
import { agentLimits } from './limits.js';

/** Agents as registered functions and over HTTP. @param baseUrl asked at each call: our own address is known late */
export const reachAgents = (config: Config, definitions: Definitions, clock: Clock, baseUrl: () => string) => {
  const limits = agentLimits(config);
  const http = new HttpAgents(clock, limits);
  const agents = new RoutedAgents(new FunctionAgents(clock, limits), http, {
    functions: registeredAgents(),
    urls: AgentUrls.fromEnvironment(config.agentUrls, baseUrl),
    named: definitions.all().flatMap(({ definition }) => definition.steps.map(({ agent }) => agent)),
  });
  return Object.assign(agents, { close: () => http.close() });
};
