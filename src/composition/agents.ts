/** Agents as registered functions and over HTTP, and those of our own behind the endpoints of this installation. */
import type { DataSource } from 'typeorm';
import type { DocumentContext } from '../agents/investigators-brochure/agent.js';
import { documentAgents } from '../agents/investigators-brochure/index.js';
import {
  Agents,
  DocumentAgents,
  type AgentCall,
  type AgentInput,
  type AgentResultJson,
  type DocumentAgentName,
} from '../application/agents/agents.js';
import type { Clock } from '../application/runtime/clock.js';
import type { Definitions } from '../application/workflow/definitions.js';
import { TaskReports, TaskTokens } from '../application/workflow/tasks.js';
import { AgentCredentials } from '../infrastructure/agents/agent-credentials.js';
import { AgentTaskReports } from '../infrastructure/agents/agent-task-reports.js';
import { AgentUrls, knownAgents, variableFor, variableName } from '../infrastructure/agents/agent-urls.js';
import type { AnswerReader } from '../infrastructure/agents/answer.js';
import { FunctionAgents } from '../infrastructure/agents/function-agents.js';
import { type CredentialsFor, HttpAgents } from '../infrastructure/agents/http-agents.js';
import { defaultAgentLimits, type AgentLimits } from '../infrastructure/agents/limits.js';
import { InstallationToken } from '../infrastructure/agents/own-calls.js';
import { registeredAgents } from '../infrastructure/agents/registry.js';
import { RoutedAgents } from '../infrastructure/agents/routed-agents.js';
import type { Config } from '../infrastructure/config/config.js';
import { nearest } from '../infrastructure/config/names.js';
import { isLoopback } from '../infrastructure/config/rules.js';
import { MeteredAgents, type PrometheusMetrics } from '../infrastructure/metrics/prometheus-metrics.js';
import { installationSecret } from '../infrastructure/postgres/data-source.js';
import { type Dependencies, type Feature, tellLog } from './feature.js';

export const agents = ({ config, clock, agents, agentSecrets, taskTokens, projectDirs }: Dependencies): Feature => ({
  providers: [
    { provide: TaskTokens, useValue: taskTokens },
    { provide: TaskReports, useValue: new AgentTaskReports(clock, agentLimits(config), agentSecrets) },
    { provide: Agents, useValue: agents },
    {
      provide: DocumentAgents,
      useValue: new LocalDocumentAgents({
        projectsDir: config.projectsDir,
        otherDirs: projectDirs,
        now: () => clock.now(),
      }),
    },
  ],
  stop: () => agents.close(),
});

type AgentDependencies = Readonly<{
  readAnswer: AnswerReader;
  token: InstallationToken;
  credentials: AgentCredentials;
  metrics: PrometheusMetrics;
}>;

export const agentCredentials = ({ agentCredentials: settings }: Config, clock: Clock): Promise<AgentCredentials> =>
  AgentCredentials.open(settings, clock, tellLog('Agents'));

/** @param ownUrl asked at each call: our own address is known late */
export const reachAgents = (
  config: Config,
  definitions: Definitions,
  clock: Clock,
  tokens: TaskTokens,
  ownUrl: () => string,
  { readAnswer, token: own, credentials, metrics }: AgentDependencies,
) => {
  const limits = agentLimits(config);
  const baseUrl = () => config.agentBaseUrl ?? ownUrl();
  const offer = ({ input }: AgentCall) => {
    const token = tokens.issue({ executionId: input.execution_id, step: input.step, attempt: input.attempt });
    return { token, url: `${config.publicUrl ?? ownUrl()}/api/v1/workflow/tasks/${token}` };
  };
  const credentialsFor: CredentialsFor = async ({ agent, idempotencyKey }, url, body) => {
    const { headers, secrets } = await credentials.forCall(variableName(agent), idempotencyKey, body);
    return { headers: { ...headers, ...own.headersFor(url) }, secrets };
  };
  const http = new HttpAgents(clock, limits, offer, readAnswer, credentialsFor);
  const agents = new RoutedAgents(new FunctionAgents(clock, limits, readAnswer), http, {
    functions: registeredAgents(),
    urls: AgentUrls.fromEnvironment(config.agentUrls, baseUrl),
    named: definitions.all().flatMap(({ definition }) => definition.steps.map(({ agent }) => agent)),
    sends: (agent) => credentials.shown(variableName(agent)),
  });
  const metered = new MeteredAgents(agents, (name, outcome) => metrics.agentCall(name, outcome));
  return Object.assign(metered, { close: () => http.close() });
};

export const agentLimits = (config: Config): AgentLimits => ({
  ...defaultAgentLimits,
  requestBytes: config.agentMaxRequestBytes,
  answerBytes: config.agentMaxResponseBytes,
  answerMembers: config.agentMaxResponseMembers,
  retryAfterMs: config.agentMaxRetryAfterSeconds * 1_000,
  connectionsPerOrigin: Math.max(defaultAgentLimits.connectionsPerOrigin, config.sagaMaxConcurrentSteps),
});

/** @param ownUrl asked at each call: our own address is known late */
export const installationToken = async (
  { publicUrl, installationUrls, agentRoutes }: Config,
  dataSource: DataSource,
  ownUrl: () => string,
): Promise<InstallationToken> => {
  const secret = await installationSecret(dataSource, 'own-calls');
  const known = [...(publicUrl === undefined ? [] : [publicUrl]), ...installationUrls];
  return new InstallationToken(secret, () => [ownUrl(), ...known], agentRoutes === 'open');
};

const FUNCTIONS = {
  regdata: documentAgents.enrich,
  composer: documentAgents.compose,
  writer: documentAgents.write,
  validator: documentAgents.validate,
  assembler: documentAgents.assemble,
  export: documentAgents.export,
} satisfies Record<DocumentAgentName, unknown>;

/** The document agents in this process, behind the endpoints that serve them. */
class LocalDocumentAgents extends DocumentAgents {
  constructor(private readonly context: DocumentContext) {
    super();
  }

  run(agent: DocumentAgentName, input: AgentInput): Promise<AgentResultJson> {
    return FUNCTIONS[agent](input, this.context);
  }
}

/**
 * What of definitions and settings does not fit together, logged at the start rather than by the first step that fails.
 * No reason not to start: an agent may be registered later, and other workflows do not need it.
 * @param registered names of functions
 */
export const agentWarnings = (
  config: Pick<Config, 'agentUrls' | 'agentBaseUrl' | 'agentCredentials'>,
  definitions: Definitions,
  registered: Iterable<string>,
): readonly string[] => {
  const { agentUrls } = config;
  const functions = new Set([...registered].map(variableName));
  const known = new Set([...knownAgents.map(({ name }) => name), ...registered]);
  const users = usersOf(definitions);
  const unknown = [...users.keys()].filter((agent) => !known.has(agent) && !(variableFor(agent) in agentUrls));
  const needed = new Set([...known, ...users.keys()].map(variableName));
  const unused = Object.keys(agentUrls).filter(
    (variable) => !needed.has(variable.slice('AGENT_'.length, -'_URL'.length)),
  );
  const carried = settingsOf(config.agentCredentials);
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
    ...unused.map((variable) => unusedSetting(variable, 'URL', needed)),
    ...carried
      .filter(({ agent }) => !needed.has(agent) && !(`AGENT_${agent}_URL` in agentUrls))
      .map(({ variable, credential }) => unusedSetting(variable, credential, needed)),
    ...carried
      .filter(({ agent }) => functions.has(agent))
      .map(({ variable }) => `${variable}: this agent is a registered function, which is called without headers`),
    ...carried
      .filter(({ agent, credential }) => IN_CLEAR.has(credential) && !functions.has(agent))
      .flatMap(({ agent, variable }) =>
        goesInClear(config, agent).map(
          (to) =>
            `${variable}: what it holds goes to ${to} without TLS, where others may read it. Let the agent's URL begin with https`,
        ),
      ),
  ];
};

const settingsOf = (credentials: Config['agentCredentials']) =>
  Object.entries(credentials).flatMap(([agent, values]) =>
    Object.keys(values).map((credential) => ({ agent, credential, variable: `AGENT_${agent}_${credential}` })),
  );

/** What is itself sent; a secret that signs is not. */
const IN_CLEAR: ReadonlySet<string> = new Set(['HEADERS_FILE', 'TOKEN_FILE']);

/** The address of that agent, where it is another machine's and without TLS. */
const goesInClear = ({ agentUrls, agentBaseUrl }: Pick<Config, 'agentUrls' | 'agentBaseUrl'>, agent: string) => {
  const url = agentUrls[`AGENT_${agent}_URL`] ?? agentBaseUrl;
  if (url === undefined) return [];
  const { protocol, hostname, origin } = new URL(url);
  return protocol === 'http:' && !isLoopback(hostname.replace(/^\[|\]$/g, '')) ? [origin] : [];
};

/** @param ending of the variable's name, behind the agent's */
const unusedSetting = (variable: string, ending: string, needed: ReadonlySet<string>): string => {
  const names = [...needed].map((name) => `AGENT_${name}_${ending}`);
  const meant = nearest(variable, names);
  return `${variable}: no installed definition names such an agent${meant ? `. Did you mean ${meant}?` : ''}`;
};

const usersOf = (definitions: Definitions): ReadonlyMap<string, string> => {
  const users = new Map<string, string>();
  for (const { definition } of definitions.all())
    for (const { agent, name } of definition.steps)
      if (!users.has(agent)) users.set(agent, `step "${name}" of definition "${definition.name}"`);
  return users;
};
