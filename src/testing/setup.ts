/** What a test is given: the definition, and the agents that its steps name. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { reasonOf } from '../application/runtime/errors.js';
import type { WorkflowDefinition } from '../domain/workflow/events.js';
import { readDefinition } from '../infrastructure/definitions/read-definition.js';
import { registeredAgents } from '../infrastructure/agents/registry.js';
import { msOf, type Duration } from './duration.js';
import type { FakeAgent } from './fakes.js';
import { mustCount, mustHaveOnly } from './input.js';

export type Setup = Readonly<{
  /** A definition file, by its path or its `file:` URL, or what such a file holds. */
  definition: string | URL | object;
  /**
   * By the names that the definition calls them. A name that is left out is looked up among the functions that were given to
   * registerAgent().
   */
  agents?: Readonly<Record<string, FakeAgent>>;
  /** Of all ids: the same seed gives the same events. 1 where it is left out. */
  seed?: number;
  /** When the test begins; 2030-01-01T00:00:00Z where it is left out. */
  now?: Date;
  limits?: TestLimits;
}>;

/** How far a run may go. */
export type TestLimits = Readonly<{
  /** Of the time in which one `when()` comes to rest: 366 days where it is left out. */
  virtualTime?: Duration;
  /** Of the execution: 10,000. */
  events?: number;
  /** At one moment of virtual time: 10,000. */
  wakeUps?: number;
  /** That an agent may be at work without virtual time: 5 s. */
  realTime?: Duration;
}>;

export type Limits = Readonly<{ virtualMs: number; events: number; wakeUps: number; realMs: number }>;

export const limitsOf = (limits: TestLimits = {}): Limits => {
  mustHaveOnly('limits', limits, ['virtualTime', 'events', 'wakeUps', 'realTime']);
  return {
    virtualMs: msOf(limits.virtualTime ?? { days: 366 }, 'limits.virtualTime'),
    events: mustCount('limits.events', limits.events ?? 10_000),
    wakeUps: mustCount('limits.wakeUps', limits.wakeUps ?? 10_000),
    realMs: msOf(limits.realTime ?? { seconds: 5 }, 'limits.realTime'),
  };
};

/** @throws TypeError where a member is none of those of Setup, or `seed` or `now` is not what it should be */
export const mustBeSetup = (setup: Setup): void => {
  mustHaveOnly('given()', setup, ['definition', 'agents', 'seed', 'now', 'limits']);
  const { seed = 1, now = new Date(0) } = setup;
  if (!Number.isSafeInteger(seed))
    throw new TypeError(`given(): expected seed to be a whole number, got ${String(seed)}`);
  if (!(now instanceof Date) || Number.isNaN(now.getTime()))
    throw new TypeError(`given(): expected now to be a Date, got ${String(now)}`);
};

/** @throws Error that names everything that is wrong with it, as the application does when it starts */
export const definitionOf = (given: Setup['definition']): WorkflowDefinition => {
  const file = given instanceof URL ? fileURLToPath(given) : typeof given === 'string' ? given : null;
  const { definition, problems } = readDefinition(file === null ? JSON.stringify(given) : textOf(file));
  if (definition) return definition;
  throw new Error(
    `The workflow definition${file === null ? '' : ` ${file}`} is not valid:\n  ${problems.join('\n  ')}`,
  );
};

const textOf = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(
      `definition: expected a definition file that can be read, or what it holds as an object: ${reasonOf(error)}`,
      { cause: error },
    );
  }
};

/** @throws Error where a step has no agent, or an agent no step: with the names that there are */
export const agentsOf = (
  { steps }: WorkflowDefinition,
  given: Setup['agents'] = {},
): ReadonlyMap<string, FakeAgent> => {
  const named = new Set(steps.map(({ agent }) => agent));
  const registered = registeredAgents();
  const known = [...new Set([...Object.keys(given), ...registered.keys()])].join(', ') || 'none';
  const stray = Object.keys(given).filter((name) => !named.has(name));
  const missing = steps.filter(({ agent }) => !Object.hasOwn(given, agent) && !registered.has(agent));
  const noFunction = Object.entries(given).filter(([, agent]) => typeof agent !== 'function');
  const problems = [
    ...missing.map(
      ({ name, agent }) => `step "${name}": expected its agent "${agent}" among those that are known: ${known}`,
    ),
    ...stray.map((name) => `agents.${name}: expected an agent that a step names (${[...named].join(', ')})`),
    ...noFunction.map(
      ([name, agent]) => `agents.${name}: expected a function, such as succeeds(), got ${typeof agent}`,
    ),
  ];
  if (problems.length > 0) throw new Error(`The agents do not fit the definition:\n  ${problems.join('\n  ')}`);
  return new Map([...named].map((name) => [name, Object.hasOwn(given, name) ? given[name]! : registered.get(name)!]));
};
