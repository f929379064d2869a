import { agentWarnings } from '../../../src/composition/agents.js';
import { Definitions, type PublishedDefinition } from '../../../src/application/workflow/definitions.js';
import { loadConfig } from '../../../src/infrastructure/config/config.js';
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
