import type { AgentCall } from '../application/agents/agents.js';
import type { Clock } from '../application/runtime/clock.js';
import type { Definitions } from '../application/workflow/definitions.js';
import type { TaskTokens } from '../application/workflow/tasks.js';
import type { AnswerReader } from '../infrastructure/agents/answer.js';
import type { InstallationToken } from '../infrastructure/agents/own-calls.js';
import { AgentUrls } from '../infrastructure/agents/agent-urls.js';
import { FunctionAgents } from '../infrastructure/agents/function-agents.js';
import { HttpAgents } from '../infrastructure/agents/http-agents.js';
import { registeredAgents } from '../infrastructure/agents/registry.js';
import { RoutedAgents } from '../infrastructure/agents/routed-agents.js';
import type { Config } from '../infrastructure/config/config.js';
import { agentLimits } from './limits.js';

/** Agents as registered functions and over HTTP. @param ownUrl asked at each call: our own address is known late */
export const reachAgents = (
  config: Config,
  definitions: Definitions,
  clock: Clock,
  tokens: TaskTokens,
  ownUrl: () => string,
  { readAnswer, token: own }: Readonly<{ readAnswer: AnswerReader; token: InstallationToken }>,
) => {
  const limits = agentLimits(config);
  const baseUrl = () => config.agentBaseUrl ?? ownUrl();
  const offer = ({ input }: AgentCall) => {
    const token = tokens.issue({ executionId: input.execution_id, step: input.step, attempt: input.attempt });
    return { token, url: `${config.publicUrl ?? ownUrl()}/api/v1/workflow/tasks/${token}` };
  };
  const http = new HttpAgents(clock, limits, offer, readAnswer, (url) => own.headersFor(url));
  const agents = new RoutedAgents(new FunctionAgents(clock, limits, readAnswer), http, {
    functions: registeredAgents(),
    urls: AgentUrls.fromEnvironment(config.agentUrls, baseUrl),
    named: definitions.all().flatMap(({ definition }) => definition.steps.map(({ agent }) => agent)),
  });
  return Object.assign(agents, { close: () => http.close() });
};
