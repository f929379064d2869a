import { AgentUrls } from '../../../src/infrastructure/agents/agent-urls.js';

const urls = (env: Record<string, string | undefined> = {}, base = 'http://127.0.0.1:3000') =>
  AgentUrls.fromEnvironment(env, () => base);

test.each([
  ['regdata', '/api/v1/enrich'],
  ['composer', '/api/v1/compose'],
  ['writer', '/api/v1/write'],
  ['validator', '/api/v1/validate'],
  ['assembler', '/api/v1/assemble'],
  ['export', '/api/v1/export'],
])('%s is at the base address and %s', (agent, path) => {
  expect(urls().of(agent)?.href).toBe(`http://127.0.0.1:3000${path}`);
});

test('a path of the base address is kept', () => {
  expect(urls({}, 'https://agents.example/v2/').of('writer')?.href).toBe('https://agents.example/v2/api/v1/write');
});

test('the base address is asked for at each call, as it is known late', () => {
  let port = 1;
  const late = AgentUrls.fromEnvironment({}, () => `http://127.0.0.1:${port}`);
  port = 2;
  expect(late.of('writer')?.port).toBe('2');
});

test('AGENT_<NAME>_URL is the whole URL of a known agent or another', () => {
  const env = {
    AGENT_WRITER_URL: 'https://w.example/run?x=1',
    AGENT_MY_AGENT_URL: 'http://m.example',
    AGENT_A_URL: '',
  };
  expect(urls(env).of('writer')?.href).toBe('https://w.example/run?x=1');
  expect(urls(env).of('my_agent')?.href).toBe('http://m.example/');
  expect(urls(env).of('my-agent')?.href).toBe('http://m.example/');
  expect(urls(env).of('a')).toBeUndefined();
  expect(urls(env).furtherNames(['writer'])).toEqual(['my_agent']);
});

test('AGENT_BASE_URL is not the URL of an agent called base', () => {
  expect(urls({ AGENT_BASE_URL: 'http://b.example' }).of('base')).toBeUndefined();
});

test('the error names every variable that is no URL, without its value', () => {
  const start = () =>
    urls({ AGENT_WRITER_URL: 'user:hunter2@host', AGENT_EXPORT_URL: 'ftp://host', AGENT_OTHER_URL: 'http://fine' });
  expect(start).toThrow(/AGENT_WRITER_URL: expected.*\nAGENT_EXPORT_URL: expected/);
  expect(start).not.toThrow(/hunter2/);
});

test('a base address that is no URL is an error of the call', () => {
  expect(() => urls({}, 'localhost:3000').of('writer')).toThrow(/AGENT_BASE_URL/);
});
