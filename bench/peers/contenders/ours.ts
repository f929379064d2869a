/** The built application with its embedded node, used over its HTTP API: what is measured is `dist/main.js` and this client. */
import pg from 'pg';
import { Pool } from 'undici';
import { caughtUp, startApplication, type Application } from '../../application/application.js';
import type { Engine, Setup } from '../contender.js';
import { followEnds } from '../ends.js';
import { storedByUs } from '../stored-by-us.js';
import { workflowName } from '../work.mjs';

export const CAUGHT_UP_MS = 2;

export const boundsOf = ({ inFlight }: Pick<Setup, 'inFlight'>) => ({
  SAGA_MAX_CONCURRENT_STEPS: String(inFlight),
  AGENT_MAX_CONCURRENT_CALLS: String(inFlight),
});

/** @param instances that share one database and one log; starts go to them in turns */
export const startOurs = async (setup: Setup, instances: number): Promise<Engine> => {
  const env = boundsOf(setup);
  const apps: Application[] = [];
  for (let instance = 0; instance < instances; instance++) apps.push(await startApplication({ ...setup, env }));
  const pools = apps.map(({ url }) => new Pool(url, { connections: setup.inFlight, keepAliveTimeout: 600_000 }));
  const ends = await followEnds(apps[0]!.url);
  const database = new pg.Client({ connectionString: setup.databaseUrl });
  await database.connect();

  const start = async (workflow: number): Promise<void> => {
    const body = JSON.stringify({ project_id: workflowName(workflow), document_type: 'bench' });
    const headers = { 'content-type': 'application/json' };
    const pool = pools[workflow % pools.length]!;
    const answer = await pool.request({ method: 'POST', path: '/api/v1/workflow/start', headers, body });
    if (answer.statusCode >= 300) throw new Error(`start: ${answer.statusCode} ${await answer.body.text()}`);
    await answer.body.dump();
  };
  return {
    run: async (workflow) => {
      const ended = ends.of(workflowName(workflow));
      await start(workflow);
      await ended;
    },
    settled: async () => {
      for (;;) {
        const last = await caughtUp(database);
        if (last !== undefined) return last;
        await new Promise((resolve) => setTimeout(resolve, CAUGHT_UP_MS));
      }
    },
    stored: () => storedByUs(database),
    pids: apps.map(({ pid }) => pid),
    stop: async () => {
      await ends.stop();
      await Promise.all(pools.map((pool) => pool.destroy()));
      await database.end();
      for (const app of apps) await app.stop();
    },
  };
};

export const startOne = (setup: Setup): Promise<Engine> => startOurs(setup, 1);
export const startTwo = (setup: Setup): Promise<Engine> => startOurs(setup, 2);
