/** The settings of one process, read once at its start. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { readCredentials } from '../agents/credentials.js';
import {
  agentBound,
  type AgentBoundValues,
  agentCredential,
  type AgentCredentialValues,
  type Variables,
  variables,
} from './variables.js';
import { isAgentUrl, unknownNames } from './names.js';
import { contradictions } from './rules.js';
import { oidcProblems } from './oidc.js';
import { addPasswords } from './passwords.js';
import { webUrl } from './variable.js';

/** The one message that stops a start: everything that is wrong, and where to read on. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';

  constructor(readonly problems: readonly string[]) {
    const list = problems.map((problem) => `  - ${problem}`).join('\n');
    super(
      `The configuration cannot be used:\n${list}\nCorrect the environment or .env; .env.example describes every name.`,
    );
  }
}

const SHOWN_CHARACTERS = 80;

/** What came, fit for a log: of a URL no user name and password. Connection strings say themselves what of them may be shown. */
function shown(name: string, value = ''): string {
  if (name === 'AUDIT_SIGNING_KEY') return `[hidden] (${value.length} characters)`;
  const safe = value.replace(/\/\/[^/]*@/, '//[hidden]@').replace(/\?.*/s, '?[hidden]');
  return JSON.stringify(safe.length > SHOWN_CHARACTERS ? `${safe.slice(0, SHOWN_CHARACTERS)}...` : safe);
}

type Camel<Name extends string> = Name extends `${infer Word}_${infer Rest}`
  ? `${Lowercase<Word>}${Capitalize<Camel<Rest>>}`
  : Lowercase<Name>;

/**
 * Every variable under its name in camel case: `SAGA_SWEEP_BATCH` is `sagaSweepBatch`, in the unit its name says.
 * Directories are absolute. `databaseUrl` and `eventstoreUrl` are undefined where the embedded server is to be used.
 */
export type Config = Readonly<{ [Name in keyof Variables as Camel<Name>]: Variables[Name] }> &
  Readonly<{
    /** By variable, `AGENT_MY_AGENT_URL`. Without a slash at the end. */
    agentUrls: Readonly<Record<string, string>>;
    /** What is bounded otherwise than for all agents, by the agent's name in upper case with _ for - . */
    agentBounds: Readonly<Record<string, Partial<AgentBoundValues>>>;
    /** What calls carry, by the agent's name as above. Paths are absolute. */
    agentCredentials: Readonly<Record<string, AgentCredentialValues>>;
  }>;

type Environment = Readonly<Record<string, string | undefined>>;

const DIRECTORIES = ['DATA_DIR', 'DEFINITIONS_DIR', 'PROJECTS_DIR'] as const;
/** The folders of these settings come with the package, under the same names. */
const SHIPPED = ['DEFINITIONS_DIR', 'PROJECTS_DIR'] as const;

/**
 * Reads the environment; where a name stands in both, the environment wins over the .env file. An empty value is not set.
 * @param shipped the package's folder: where a setting is not set and its usual folder does not exist, that of the package counts
 * @throws ConfigurationError that lists everything that is wrong
 */
export function loadConfig(
  env: Environment,
  envFileContents = '',
  workingDirectory = process.cwd(),
  shipped?: string,
): Config {
  const envFile = parseEnv(envFileContents) as Record<string, string>;
  const given = withoutEmpty({ ...envFile, ...withoutEmpty(env) });
  const allowed = variables.shape.ALLOW_UNKNOWN_SETTINGS.safeParse(given['ALLOW_UNKNOWN_SETTINGS']).data ?? [];
  const problems = [...unknownNames(withoutEmpty(env), envFile, allowed)];

  const malformed = new Set<string>();
  for (const issue of variables.safeParse(given).error?.issues ?? []) {
    const name = String(issue.path[0]);
    const { got } = ('params' in issue ? issue.params : {}) as { got?: string };
    problems.push(`${name}: expected ${issue.message}; got ${got ?? shown(name, given[name])}.`);
    malformed.add(name);
  }
  const agentUrls: Record<string, string> = {};
  for (const [name, value] of Object.entries(given).filter(([name]) => isAgentUrl(name))) {
    const url = webUrl().safeParse(value);
    if (url.data) agentUrls[name] = url.data;
    else problems.push(`${name}: expected ${url.error?.issues[0]?.message}; got ${shown(name, value)}.`);
  }
  const agentBounds: Record<string, Partial<AgentBoundValues>> = {};
  for (const [name, value] of Object.entries(given)) {
    const { agent, bound } = agentBound(name) ?? {};
    if (!agent || !bound) continue;
    const parsed = variables.shape[`AGENT_${bound}`].safeParse(value);
    if (parsed.success) agentBounds[agent] = { ...agentBounds[agent], [bound]: parsed.data };
    else problems.push(`${name}: expected ${parsed.error.issues[0]?.message}; got ${shown(name, value)}.`);
  }
  const agentCredentials = credentialsIn(given, workingDirectory);
  for (const [agent, values] of Object.entries(agentCredentials))
    problems.push(...readCredentials(agent, values).problems);
  const wellFormed = Object.entries(given).filter(([name]) => !malformed.has(name));
  const values = variables.parse(Object.fromEntries(wellFormed));
  // A contradiction with the default that stands for a malformed value would mislead.
  const names = [...malformed];
  problems.push(
    ...contradictions(values, workingDirectory).filter((problem) => !names.some((name) => problem.includes(name))),
  );
  problems.push(...oidcProblems(values, malformed, workingDirectory));
  problems.push(...addPasswords(values, malformed, workingDirectory));
  if (problems.length > 0) throw new ConfigurationError(problems);

  for (const name of SHIPPED)
    if (shipped !== undefined && given[name] === undefined && !existsSync(resolve(workingDirectory, values[name])))
      values[name] = join(shipped, values[name]);
  for (const name of DIRECTORIES) values[name] = resolve(workingDirectory, values[name]);
  const { AUDIT_CHECKPOINT_FILE: file = join(values.DATA_DIR, 'audit', 'checkpoints.ndjson') } = values;
  values.AUDIT_CHECKPOINT_FILE = resolve(workingDirectory, file);
  for (const name of ['TLS_CERT_FILE', 'TLS_KEY_FILE'] as const)
    if (values[name] !== undefined) values[name] = resolve(workingDirectory, values[name]);
  const { OIDC_CLIENT_SECRET_FILE: secretFile } = values;
  if (secretFile !== undefined) values.OIDC_CLIENT_SECRET_FILE = resolve(workingDirectory, secretFile);
  if (values.AGENTS_MODULE) values.AGENTS_MODULE = resolve(workingDirectory, values.AGENTS_MODULE);
  return Object.freeze({ ...inCamelCase(values), agentUrls: Object.freeze(agentUrls), agentBounds, agentCredentials });
}

function credentialsIn(given: Readonly<Record<string, string>>, directory: string) {
  const found: Record<string, AgentCredentialValues> = {};
  for (const [name, value] of Object.entries(given)) {
    const { agent, credential } = agentCredential(name) ?? {};
    if (!agent || !credential) continue;
    found[agent] = { ...found[agent], [credential]: credential === 'HEADERS' ? value : resolve(directory, value) };
  }
  return found;
}

function withoutEmpty(env: Environment): Record<string, string> {
  const set = Object.entries(env).filter((entry): entry is [string, string] => !!entry[1]?.trim());
  return Object.fromEntries(set.map(([name, value]) => [name, value.trim()]));
}

function inCamelCase(values: Variables): Omit<Config, 'agentUrls' | 'agentBounds' | 'agentCredentials'> {
  const camel = (name: string) => name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [camel(name), value])) as unknown as Config;
}
