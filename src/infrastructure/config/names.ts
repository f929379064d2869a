/** Finds names that look like ours and are not, so that a misspelt limit is not silently the default. */
import { agentBound } from './agent-variables.js';
import { VARIABLE_NAMES } from './variables.js';

const AGENT_URL = /^AGENT_([A-Z0-9_]+)_URL$/;

/** First words that nobody else puts into an environment by chance: with these, an unknown name is a mistake. */
const OUR_PREFIXES = [
  'AGENT',
  'AGENTS',
  'APPEND',
  'DATABASE',
  'DEFINITIONS',
  'EVENTSTORE',
  'FOLD',
  'INLINE',
  'METADATA',
]
  .concat(['PROJECTION', 'PROJECTS', 'REALTIME', 'REQUIRE', 'SAGA', 'SHUTDOWN', 'WORKER'])
  .map((word) => `${word}_`);

/** Kubernetes describes a service called `eventstore` or `database` in such variables; build runners set the last one. */
const SET_BY_OTHERS = /_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP)(_|$)|^AGENT_TOOLSDIRECTORY$/;
const isSetByOthers = (name: string, value = '') =>
  SET_BY_OTHERS.test(name) || (name.endsWith('_PORT') && /^(tcp|udp):\/\//.test(value));

export const isAgentUrl = (name: string): boolean => name !== 'AGENT_BASE_URL' && AGENT_URL.test(name);
const isOurs = (name: string) =>
  isAgentUrl(name) || agentBound(name) !== undefined || VARIABLE_NAMES.some((known) => known === name);

type Environment = Readonly<Record<string, string | undefined>>;

/** One sentence for each unknown name: every key of the .env file counts, of the environment only those with our prefixes. */
export function unknownNames(env: Environment, envFile: Environment): readonly string[] {
  const inFile = Object.keys(envFile).filter((name) => !isOurs(name));
  const inEnvironment = Object.keys(env).filter(
    (name) =>
      !isOurs(name) &&
      !inFile.includes(name) &&
      !isSetByOthers(name, env[name]) &&
      OUR_PREFIXES.some((prefix) => name.startsWith(prefix)),
  );
  const sentence = (place: string) => (name: string) => `${name} (${place}): expected a known name. ${advice(name)}`;
  return [...inFile.map(sentence('.env')), ...inEnvironment.map(sentence('environment'))];
}

function advice(name: string): string {
  const nearest = VARIABLE_NAMES.map((known) => ({ known, distance: editDistance(name.toUpperCase(), known) })).sort(
    (a, b) => a.distance - b.distance,
  )[0];
  const isNear = nearest && nearest.distance <= Math.max(2, Math.floor(nearest.known.length / 3));
  return isNear ? `Did you mean ${nearest.known}?` : 'Remove it, or see .env.example for the names there are.';
}

/** How many characters must be inserted, removed or replaced. Names are short; a long one is cut. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, character] of [...from.slice(0, 64)].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column++) {
      const replaced = row[column - 1]! + (to[column - 1] === character ? 0 : 1);
      next.push(Math.min(replaced, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
