import { reasonOf } from '../../application/runtime/errors.js';
import {
  Agents,
  type AgentCall,
  type AgentInfo,
  type AgentReply,
  type Deferred,
} from '../../application/agents/agents.js';
import { shown, variableFor, type AgentUrls, knownAgents } from './agent-urls.js';
import { failure } from './failures.js';
import type { FunctionAgents } from './function-agents.js';
import type { HttpAgents } from './http-agents.js';
import type { AgentFunction } from './registry.js';

type AgentRoutes = Readonly<{
  /** Looked up at each call. A function wins over a URL. */
  functions: ReadonlyMap<string, AgentFunction>;
  urls: AgentUrls;
  /** The agents that the installed definitions name. */
  named: readonly string[];
  /** What calls of an agent over HTTP carry, as far as it may be seen. */
  sends?: (agent: string) => AgentInfo['sends'];
}>;

/** Finds the agent of a name: a registered function, or an HTTP endpoint. */
export class RoutedAgents extends Agents {
  constructor(
    private readonly functionAgents: FunctionAgents,
    private readonly httpAgents: HttpAgents,
    private readonly routes: AgentRoutes,
  ) {
    super();
  }

  async call(call: AgentCall): Promise<AgentReply | Deferred> {
    const registered = this.routes.functions.get(call.agent);
    if (registered) return this.functionAgents.call(call, registered);
    const url = this.addressOf(call.agent);
    if (url instanceof URL) return this.httpAgents.call(call, url);
    return url ? failure('transient', 'AGENT_ADDRESS', url.problem) : unknownAgent(call.agent);
  }

  list(): readonly AgentInfo[] {
    const { functions, urls, named, sends: sendsOf } = this.routes;
    const names = [...new Set([...knownAgents.map(({ name }) => name), ...functions.keys(), ...named])];
    return [...names, ...urls.furtherNames(names)].map((name) => {
      if (functions.has(name)) return { name, kind: 'function', url: null };
      const url = this.addressOf(name);
      const sends = sendsOf?.(name);
      return { name, kind: 'http', url: url instanceof URL ? shown(url) : null, ...(sends && { sends }) };
    });
  }

  /** Undefined for an agent without one; a problem while the application's own address is not known yet. */
  private addressOf(agent: string): URL | Readonly<{ problem: string }> | undefined {
    try {
      return this.routes.urls.of(agent);
    } catch (error) {
      return { problem: `Agent "${agent}": ${reasonOf(error)}` };
    }
  }
}

const unknownAgent = (agent: string): AgentReply =>
  failure(
    'fatal',
    'AGENT_UNKNOWN',
    `Agent "${agent}" was expected to be registered or to have a URL, and is neither. Set ${variableFor(agent)}, or ` +
      `call registerAgent("${agent}", ...) in the module that AGENTS_MODULE names; then retry the step`,
  );
