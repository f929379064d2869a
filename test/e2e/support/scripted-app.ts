import type { Api } from './api.js';
import { startScriptedAgents } from './scripted-agents.js';
import { startTestApp, type TestApp } from './test-app.js';

export type ScriptedApp = { agents: Awaited<ReturnType<typeof startScriptedAgents>>; app: TestApp; api: Api };

/** The whole application with agents that do as the test says, for the tests of the file or of the `describe` around the call. */
export const scriptedApp = (env: Readonly<Record<string, string>> = {}): Readonly<ScriptedApp> => {
  const world = {} as ScriptedApp;
  beforeAll(async () => {
    world.agents = await startScriptedAgents();
    world.app = await startTestApp({ AGENT_BASE_URL: world.agents.url, ...env });
    world.api = world.app.api;
  }, 60_000);
  afterAll(async () => {
    await world.app.close();
    await world.agents.close();
  }, 60_000);
  return world;
};
