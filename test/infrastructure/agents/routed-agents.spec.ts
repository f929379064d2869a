import { AgentUrls } from '../../../src/infrastructure/agents/agent-urls.js';
import { FunctionAgents } from '../../../src/infrastructure/agents/function-agents.js';
import { HttpAgents } from '../../../src/infrastructure/agents/http-agents.js';
import { defaultAgentLimits } from '../../../src/infrastructure/agents/limits.js';
import type { AgentFunction } from '../../../src/infrastructure/agents/registry.js';
import { RoutedAgents } from '../../../src/infrastructure/agents/routed-agents.js';
import { SystemClock } from '../../../src/infrastructure/system/clock-and-ids.js';
import { aCall } from './a-call.js';
import { serveAgent, type AgentServer } from './agent-server.js';

const http = new HttpAgents(new SystemClock(), defaultAgentLimits);
const functions = new Map<string, AgentFunction>();
let server: AgentServer;

beforeAll(async () => {
  server = await serveAgent((response, { path }) => response.end(JSON.stringify({ success: true, data: { path } })));
});
beforeEach(() => functions.clear());
afterAll(async () => {
  await http.close();
  await server.close();
});

const routed = (env: Record<string, string> = {}, baseUrl = () => server.url.origin) =>
  new RoutedAgents(new FunctionAgents(new SystemClock(), defaultAgentLimits), http, {
    functions,
    urls: AgentUrls.fromEnvironment(env, baseUrl),
    named: ['regdata', 'my_agent'],
  });

test('a known agent is called at the base address and its path', async () => {
  const reply = await routed().call(aCall({ agent: 'composer' }));
  expect(reply).toMatchObject({ success: true, data: { path: '/api/v1/compose' } });
});

test('a URL of its own wins over the base address, a function over both', async () => {
  const agents = routed({ AGENT_REGDATA_URL: new URL('/own', server.url).href });
  expect(await agents.call(aCall())).toMatchObject({ data: { path: '/own' } });
  functions.set('regdata', () => Promise.resolve({ success: true, data: { by: 'function' } }));
  expect(await agents.call(aCall())).toMatchObject({ data: { by: 'function' } });
});

test('an agent that is neither registered nor has a URL is fatal, with the way to mend it', async () => {
  expect(await routed().call(aCall({ agent: 'my-agent' }))).toMatchObject({
    success: false,
    error: {
      type: 'fatal',
      code: 'AGENT_UNKNOWN',
      message: expect.stringMatching(/AGENT_MY_AGENT_URL.*registerAgent\("my-agent"/) as unknown,
    },
  });
});

test('a name of Object.prototype is no agent', async () => {
  const reply = await routed().call(aCall({ agent: 'constructor' }));
  expect(reply).toMatchObject({ error: { code: 'AGENT_UNKNOWN' } });
});

test('an address that is not known yet is transient, and does not spoil the list', async () => {
  const agents = routed({}, () => {
    throw new Error('The application does not listen yet');
  });
  expect(await agents.call(aCall())).toMatchObject({
    error: { type: 'transient', code: 'AGENT_ADDRESS', message: expect.stringContaining('not listen yet') as unknown },
  });
  expect(agents.list()).toContainEqual({ name: 'writer', kind: 'http', url: null });
});

test('the list has known, registered and named agents, and shows no secret of a URL', () => {
  functions.set('writer', () => Promise.resolve({ success: true }));
  const env = { AGENT_EXPORT_URL: 'https://me:secret@x.example/run?key=secret', AGENT_EXTRA_URL: 'http://y.example/' };
  expect(routed(env).list()).toEqual([
    { name: 'regdata', kind: 'http', url: `${server.url.origin}/api/v1/enrich` },
    { name: 'composer', kind: 'http', url: `${server.url.origin}/api/v1/compose` },
    { name: 'writer', kind: 'function', url: null },
    { name: 'validator', kind: 'http', url: `${server.url.origin}/api/v1/validate` },
    { name: 'assembler', kind: 'http', url: `${server.url.origin}/api/v1/assemble` },
    { name: 'export', kind: 'http', url: 'https://x.example/run' },
    { name: 'my_agent', kind: 'http', url: null },
    { name: 'extra', kind: 'http', url: 'http://y.example/' },
  ]);
});
