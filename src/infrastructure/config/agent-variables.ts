/** Variables of one agent: AGENT_<NAME>_RATE_CALLS says for one what AGENT_RATE_CALLS says for all. */
import type { Variables } from './variables.js';

export const AGENT_BOUNDS = [
  'MAX_CONCURRENT_CALLS',
  'RATE_CALLS',
  'RATE_WINDOW_MS',
  'CIRCUIT_FAILURES',
  'CIRCUIT_FAILURE_PERCENT',
  'CIRCUIT_MIN_CALLS',
  'CIRCUIT_WINDOW_MS',
  'CIRCUIT_COOL_DOWN_MS',
] as const;

type Bound = (typeof AGENT_BOUNDS)[number];

/** What bounds an agent, by the end of its variable's name. */
export type AgentBoundValues = Readonly<{ [Name in Bound]: Variables[`AGENT_${Name}`] }>;

const OF_ONE_AGENT = new RegExp(`^AGENT_([A-Z][A-Z0-9_]{0,63})_(${AGENT_BOUNDS.join('|')})$`);

/** Undefined for any other variable. `agent` is in upper case, with _ for - . */
export const agentBound = (name: string): Readonly<{ agent: string; bound: Bound }> | undefined => {
  const [, agent, bound] = OF_ONE_AGENT.exec(name) ?? [];
  return agent === undefined ? undefined : { agent, bound: bound as Bound };
};
