/** The agents of the guide and the paths of their endpoints. An agent of another name needs AGENT_<NAME>_URL or registerAgent(). */
export const knownAgents: readonly Readonly<{ name: string; path: string }>[] = [
  { name: 'regdata', path: '/api/v1/enrich' },
  { name: 'composer', path: '/api/v1/compose' },
  { name: 'writer', path: '/api/v1/write' },
  { name: 'validator', path: '/api/v1/validate' },
  { name: 'assembler', path: '/api/v1/assemble' },
  { name: 'export', path: '/api/v1/export' },
];

/** In registerAgent(), in definitions, and (upper case, `-` as `_`) in AGENT_<NAME>_URL. */
export const AGENT_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

const OVERRIDE = /^AGENT_([A-Z][A-Z0-9_]{0,63})_URL$/;

/** Where agents are reached: AGENT_<NAME>_URL, or the base address and the known agent's path. */
export class AgentUrls {
  private constructor(
    private readonly overrides: ReadonlyMap<string, URL>,
    private readonly baseUrl: () => string,
  ) {}

  /**
   * @param env of which AGENT_<NAME>_URL are read (the agent's whole URL); AGENT_BASE_URL is `baseUrl`'s affair
   * @param baseUrl asked at each call, as an application's own address is known only once it listens
   * @throws Error that lists every variable that is not an http(s) URL
   */
  static fromEnvironment(env: Readonly<Record<string, string | undefined>>, baseUrl: () => string): AgentUrls {
    const overrides = new Map<string, URL>();
    const problems: string[] = [];
    for (const [variable, value] of Object.entries(env)) {
      const name = OVERRIDE.exec(variable)?.[1];
      if (!name || name === 'BASE' || !value) continue;
      const url = parseHttpUrl(value);
      if (url) overrides.set(name, url);
      // Not what was found: it may hold a password.
      else problems.push(`${variable}: expected an absolute http:// or https:// URL, got something else`);
    }
    if (problems.length > 0) throw new Error(problems.join('\n'));
    return new AgentUrls(overrides, baseUrl);
  }

  /** Undefined for an agent that is not known and has no variable. @throws Error when the base address is no URL */
  of(agent: string): URL | undefined {
    const override = this.overrides.get(variableName(agent));
    if (override) return override;
    const path = knownAgents.find(({ name }) => name === agent)?.path;
    if (path === undefined) return undefined;
    const base = parseHttpUrl(this.baseUrl());
    if (!base) throw new Error('The base address of the agents (AGENT_BASE_URL) is not an absolute http(s) URL');
    base.pathname = base.pathname.replace(/\/+$/, '') + path;
    return base;
  }

  /** Agents that have a variable and are none of `names`. */
  furtherNames(names: Iterable<string>): readonly string[] {
    const covered = new Set([...names].map(variableName));
    return [...this.overrides.keys()].filter((name) => !covered.has(name)).map((name) => name.toLowerCase());
  }
}

/** Fit for messages and lists: without user, password and query, any of which may be secret. */
export const shown = (url: URL): string => `${url.origin}${url.pathname}`;

export const variableFor = (agent: string): string => `AGENT_${variableName(agent)}_URL`;

/** The agent's part of its variables' names. */
export const variableName = (agent: string): string => agent.toUpperCase().replaceAll('-', '_');

const parseHttpUrl = (text: string): URL | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
};
