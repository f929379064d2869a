import { inspect } from 'node:util';
import { Inject, Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { agentBoundsOf } from '../../../src/composition/saga.js';
import { type Config, loadConfig } from '../../../src/infrastructure/config/config.js';
import { CONFIG, configurationModule } from '../../../src/infrastructure/config/configuration.js';
import { startupWarnings } from '../../../src/infrastructure/config/rules.js';

describe('the configuration', () => {
  it('has a default for everything', () => {
    const config = loadConfig({}, '', '/srv/app');
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      dataDir: '/srv/app/data',
      definitionsDir: '/srv/app/definitions',
      projectsDir: '/srv/app/examples',
      logLevel: 'log',
      bodyLimitBytes: 1_048_576,
      sagaMaxConcurrentSteps: 64,
      agentUrls: {},
    });
    expect(config.databaseUrl).toBeUndefined();
    expect(config.eventstoreUrl).toBeUndefined();
    expect(config.agentsModule).toBeUndefined();
  });

  it('takes definitions and projects of the package where none are set and there is no folder', () => {
    const [packaged, empty] = ['/srv/package', '/srv/app'];
    expect(loadConfig({}, '', empty, packaged)).toMatchObject({
      ...{ definitionsDir: '/srv/package/definitions', projectsDir: '/srv/package/examples', dataDir: '/srv/app/data' },
    });
    expect(loadConfig({ DEFINITIONS_DIR: './definitions' }, '', empty, packaged).definitionsDir).toBe(
      '/srv/app/definitions',
    );
    expect(loadConfig({}, '', process.cwd(), packaged).definitionsDir).toBe(`${process.cwd()}/definitions`);
  });

  it('takes the environment before .env, and an empty value as not set', () => {
    const envFile = 'PORT=4000\nSAGA_SWEEP_BATCH="7" # few\n';
    expect(loadConfig({ PORT: '5000' }, envFile)).toMatchObject({ port: 5000, sagaSweepBatch: 7 });
    expect(loadConfig({ PORT: ' ' }, envFile)).toMatchObject({ port: 4000 });
    expect(loadConfig({}, 'PORT=\n')).toMatchObject({ port: 3000 });
  });

  it('takes the actions that need a reason by their names, each once', () => {
    expect(loadConfig({}).requireReason).toEqual([]);
    expect(loadConfig({ REQUIRE_REASON: 'cancel, retry,cancel' }).requireReason).toEqual(['cancel', 'retry']);
    const expected =
      'REQUIRE_REASON: expected some of pause, resume, retry, cancel, next_step, remaining, hold, release, with commas between; got "cancel,restart".';
    expect(() => loadConfig({ REQUIRE_REASON: 'cancel,restart' })).toThrow(expected);
    expect(() => loadConfig({ REQUIRE_REASONS: 'cancel' })).toThrow('Did you mean REQUIRE_REASON?');
  });

  it('cannot be changed', () => {
    const config = loadConfig({ AGENT_WRITER_URL: 'http://writer:8080' });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.agentUrls)).toBe(true);
  });

  it('shows no connection string, however it is printed', () => {
    const config = loadConfig({
      DATABASE_URL: 'postgres://app:s3cret@db/app',
      EVENTSTORE_URL: 'esdb://admin:s3cret@log:2113',
    });
    expect(config.databaseUrl?.reveal()).toBe('postgres://app:s3cret@db/app');
    for (const printed of [inspect(config, { depth: 9 }), JSON.stringify(config), String(config.databaseUrl)]) {
      expect(printed).not.toContain('s3cret');
      expect(printed).toContain('[hidden]');
    }
  });

  it('makes the path of the agents module absolute', () => {
    expect(loadConfig({ AGENTS_MODULE: './my-agents.js' }, '', '/srv').agentsModule).toBe('/srv/my-agents.js');
    expect(loadConfig({ AGENTS_MODULE: 'agents/mine.mjs' }, '', '/srv').agentsModule).toBe('/srv/agents/mine.mjs');
  });

  it('keeps the URL of each agent under its variable, and the base URL apart', () => {
    const config = loadConfig({ AGENT_MY_AGENT_URL: 'http://mine:1/x/', AGENT_BASE_URL: 'https://agents.example' });
    expect(config.agentUrls).toEqual({ AGENT_MY_AGENT_URL: 'http://mine:1/x' });
    expect(config.agentBaseUrl).toBe('https://agents.example');
    expect(loadConfig({}).agentBaseUrl).toBeUndefined();
  });

  it('keeps what bounds one agent under its name, in the type of the variable for all', () => {
    const config = loadConfig({
      AGENT_MY_AGENT_RATE_CALLS: '5',
      AGENT_MY_AGENT_CIRCUIT_FAILURE_PERCENT: '0',
      AGENT_WRITER_MAX_CONCURRENT_CALLS: '2',
      AGENT_MAX_CONCURRENT_CALLS: '9',
    });
    expect(config.agentBounds).toEqual({
      MY_AGENT: { RATE_CALLS: 5, CIRCUIT_FAILURE_PERCENT: 0 },
      WRITER: { MAX_CONCURRENT_CALLS: 2 },
    });
    expect(config.agentMaxConcurrentCalls).toBe(9);
    expect(agentBoundsOf(config)('my-agent')).toMatchObject({
      concurrentCalls: 9,
      rate: { calls: 5, windowMs: 1_000 },
      circuit: { consecutiveFailures: 10, failurePercent: 0 },
    });
    expect(agentBoundsOf(config)('writer').concurrentCalls).toBe(2);
    expect(() => loadConfig({ AGENT_WRITER_MAX_CONCURRENT_CALLS: '0' })).toThrow(
      'AGENT_WRITER_MAX_CONCURRENT_CALLS: expected a whole number of calls from 1 to 10000; got "0".',
    );
    expect(() => loadConfig({ AGENT_WRITER_RATE: '7' })).toThrow('AGENT_WRITER_RATE');
  });

  it('warns of a proxy behind which all clients look like one', () => {
    const of = (env: Record<string, string>) =>
      startupWarnings(loadConfig({ PUBLIC_URL: 'https://api.example.com', ...env }));
    expect(of({ AUTH: 'keys' })).toEqual([expect.stringContaining('TRUSTED_PROXY')]);
    expect([of({}), of({ AUTH: 'keys', TRUSTED_PROXY: 'loopback' })]).toEqual([[], []]);
    expect(startupWarnings(loadConfig({ AUTH: 'keys' }))).toEqual([]);
  });

  it('is injected by its token', async () => {
    @Injectable()
    class Reader {
      constructor(@Inject(CONFIG) readonly config: Config) {}
    }
    const config = loadConfig({ PORT: '4001' });
    const module = await Test.createTestingModule({
      imports: [configurationModule(config)],
      providers: [Reader],
    }).compile();
    expect(module.get(Reader).config).toBe(config);
  });
});
