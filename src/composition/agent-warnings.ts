/** What of definitions and settings does not fit together, logged at the start rather than by the first step that fails. */
import type { Definitions } from '../application/workflow/definitions.js';
import { variableFor, variableName, knownAgents } from '../infrastructure/agents/agent-urls.js';
import type { Config } from '../infrastructure/config/config.js';
import { nearest } from '../infrastructure/config/names.js';

/**
 * No reason not to start: an agent may be registered later, and other workflows do not need it.
 * @param registered names of functions
 */
export const agentWarnings = (
  { agentUrls }: Pick<Config, 'agentUrls'>,
  definitions: Definitions,
  registered: Iterable<string>,
): readonly string[] => {
  const known = new Set([...knownAgents.map(({ name }) => name), ...registered]);
  const users = usersOf(definitions);
  const unknown = [...users.keys()].filter((agent) => !known.has(agent) && !(variableFor(agent) in agentUrls));
  const needed = new Set([...known, ...users.keys()].map(variableName));
  const unused = Object.keys(agentUrls).filter(
    (variable) => !needed.has(variable.slice('AGENT_'.length, -'_URL'.length)),
  );
  return [
    ...unknown.map((agent) => {
      const meant = nearest(
        agent,
        [...known].map((name) => name.toUpperCase()),
      )?.toLowerCase();
      return (
        `Agent "${agent}" of ${users.get(agent)}: expected a registered function or a URL, got neither, so its steps will fail. ` +
        `Set ${variableFor(agent)}, or register it in AGENTS_MODULE${meant ? `; or was "${meant}" meant?` : ''}`
      );
    }),
    ...unused.map((variable) => {
      const meant = nearest(
        variable,
        [...needed].map((name) => `AGENT_${name}_URL`),
      );
      return `${variable}: no installed definition names such an agent${meant ? `. Did you mean ${meant}?` : ''}`;
    }),
  ];
};

const usersOf = (definitions: Definitions): ReadonlyMap<string, string> => {
  const users = new Map<string, string>();
  for (const { definition } of definitions.all())
    for (const { agent, name } of definition.steps)
      if (!users.has(agent)) users.set(agent, `step "${name}" of definition "${definition.name}"`);
  return users;
};
