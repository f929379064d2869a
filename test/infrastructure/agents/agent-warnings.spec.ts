import { agentWarnings } from '../../../src/composition/agents.js';
import { Definitions, type PublishedDefinition } from '../../../src/application/workflow/definitions.js';
import { type Config, loadConfig } from '../../../src/infrastructure/config/config.js';
import { step } from '../../support/saga-world.js';

class Named extends Definitions {
  constructor(private readonly agents: readonly string[]) {
    super();
  }
  all(): readonly PublishedDefinition[] {
    const steps = this.agents.map((agent) => ({ ...step(`do-${agent}`), agent }));
    return [{ definition: { name: 'demo', documentType: 'demo', steps }, hash: '' }];
  }
  byDocumentType() {
    return undefined;
  }
}

/** The settings without their files, which are another test's. */
const carrying = (agentCredentials: Config['agentCredentials'], env: Record<string, string> = {}) =>
  agentWarnings({ ...loadConfig(env), agentCredentials }, new Named(['writer']), ['local']);

const warnings = (agents: readonly string[], env: Record<string, string> = {}, registered: readonly string[] = []) =>
  agentWarnings(loadConfig(env), new Named(agents), registered);

test('agents of ours, registered ones and those with a URL are known', () => {
  const env = { AGENT_MY_AGENT_URL: 'http://mine', AGENT_EXPORT_URL: 'http://export' };
  expect(warnings(['writer', 'export', 'my-agent', 'function'], env, ['function', 'spare'])).toEqual([]);
});

test('an unknown agent is logged once, with its first step and the remedy', () => {
  expect(warnings(['wirter', 'other', 'other'])).toEqual([
    'Agent "wirter" of step "do-wirter" of definition "demo": expected a registered function or a URL, got neither, so its ' +
      'steps will fail. Set AGENT_WIRTER_URL, or register it in AGENTS_MODULE; or was "writer" meant?',
    expect.stringMatching(/^Agent "other" of .*AGENTS_MODULE$/),
  ]);
});

test('a URL of an agent that no definition names is logged, too', () => {
  expect(warnings(['writer'], { AGENT_WRITTER_URL: 'http://w' })).toEqual([
    'AGENT_WRITTER_URL: no installed definition names such an agent. Did you mean AGENT_WRITER_URL?',
  ]);
});

test('what calls of an agent carry needs such an agent, over HTTP', () => {
  expect(carrying({ WRITER: { HEADERS: 'X-Team: a' } })).toEqual([]);
  expect(carrying({ MINE: { TOKEN_FILE: '/t' } }, { AGENT_MINE_URL: 'https://mine' })).toEqual([
    expect.stringMatching(/^AGENT_MINE_URL: no installed definition names such an agent/),
  ]);
  expect(carrying({ WRTER: { TOKEN_FILE: '/t', SIGNING_SECRET_FILE: '/s' }, LOCAL: { HEADERS: 'X-Team: a' } })).toEqual(
    [
      'AGENT_WRTER_TOKEN_FILE: no installed definition names such an agent. Did you mean AGENT_WRITER_TOKEN_FILE?',
      'AGENT_WRTER_SIGNING_SECRET_FILE: no installed definition names such an agent. Did you mean AGENT_WRITER_SIGNING_SECRET_FILE?',
      'AGENT_LOCAL_HEADERS: this agent is a registered function, which is called without headers',
    ],
  );
});

test('a secret that leaves the machine without TLS is logged', () => {
  const token = { WRITER: { TOKEN_FILE: '/t' } };
  expect(carrying(token, { AGENT_BASE_URL: 'http://agents.example:81/x' })).toEqual([
    "AGENT_WRITER_TOKEN_FILE: what it holds goes to http://agents.example:81 without TLS, where others may read it. Let the agent's URL begin with https",
  ]);
  for (const url of ['https://agents.example', 'http://127.0.0.1:1', 'http://[::1]:1', 'http://localhost'])
    expect(carrying(token, { AGENT_WRITER_URL: url, AGENT_BASE_URL: 'http://elsewhere' })).toEqual([]);
  expect(carrying({ WRITER: { SIGNING_SECRET_FILE: '/s' } }, { AGENT_WRITER_URL: 'http://w' })).toEqual([]);
});
