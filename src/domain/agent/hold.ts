/** Whether an operator holds an agent. A stream of its own for each agent; the events are a storage contract. */
import { unreachable, type Decider, type Message } from '../decider.js';
import { mustHold, record, text } from '../shape.js';

/** Who held or released the agent, and why. `at` is ISO-8601 UTC. */
type HoldData = Readonly<{ agent: string; actor: Readonly<{ type: string; id: string }>; reason: string; at: string }>;

type AgentEvent = Message<'AgentHeld', HoldData> | Message<'AgentReleased', HoldData>;
export type AgentCommand = Message<'HoldAgent', HoldData> | Message<'ReleaseAgent', HoldData>;

/** Null: no operator holds the agent. */
export type Hold = Omit<HoldData, 'agent'> | null;

/** A hold of a held agent and a release of a free one change nothing. */
const decide = ({ type, data }: AgentCommand, hold: Hold): readonly AgentEvent[] => {
  switch (type) {
    case 'HoldAgent':
      return hold ? [] : [{ type: 'AgentHeld', data }];
    case 'ReleaseAgent':
      return hold ? [{ type: 'AgentReleased', data }] : [];
    default:
      return unreachable(type);
  }
};

const evolve = (_hold: Hold, { type, data: { actor, reason, at } }: AgentEvent): Hold => {
  switch (type) {
    case 'AgentHeld':
      return { actor, reason, at };
    case 'AgentReleased':
      return null;
    default:
      return unreachable(type);
  }
};

export const agentHold: Decider<AgentCommand, Hold, AgentEvent> = { initialState: null, decide, evolve };

export const AGENT_STREAM_PREFIX = 'agent-';
export const agentStream = (agent: string): string => AGENT_STREAM_PREFIX + agent;
export const agentOf = (stream: string): string => stream.slice(AGENT_STREAM_PREFIX.length);

const held = record({ agent: text, actor: record({ type: text, id: text }), reason: text, at: text });

/** Null for a type that this version does not know. @throws where a known event lacks what it should hold */
export const readAgentEvent = (type: string, data: unknown): AgentEvent | null => {
  if (type !== 'AgentHeld' && type !== 'AgentReleased') return null;
  mustHold(held, type, data);
  return { type, data: data as HoldData };
};
