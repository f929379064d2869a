/** The built application with its embedded node, used over its HTTP API: what is measured is `dist/main.js` and this client. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { Pool } from 'undici';
import { startProgram, type Program } from '../../processes.js';
import type { Engine, Setup } from '../contender.js';
import { followEnds } from '../ends.js';
import { storedByUs } from '../stored-by-us.js';
import { stepName, STEPS, workflowName } from '../work.mjs';

const CAUGHT_UP_MS = 2;

/** @param instances that share one database and one log; starts go to them in turns */
export const startOurs = async (setup: Setup, instances: number): Promise<Engine> => {
  const env = {
    ...{ DATABASE_URL: setup.databaseUrl, PORT: '0', LOG_LEVEL: 'log', DATA_DIR: setup.directory },
    DEFINITIONS_DIR: await writeDefinition(setup.directory),
    SAGA_MAX_CONCURRENT_STEPS: String(setup.inFlight),
    AGENT_MAX_CONCURRENT_CALLS: String(setup.inFlight),
    ...(setup.agentUrl === null
      ? { AGENTS_MODULE: fileURLToPath(new URL('../in-process-agent.mjs', import.meta.url)) }
      : { AGENT_BENCH_URL: setup.agentUrl }),
  };
  const main = new URL('../../../dist/main.js', import.meta.url);
  const apps: Program[] = [];
  for (let instance = 0; instance < instances; instance++)
    apps.push(await startProgram(main, /The API is at (http:\S+?)["\s]/, env));
  const pools = apps.map(({ said }) => new Pool(said, { connections: setup.inFlight, keepAliveTimeout: 600_000 }));
  const ends = await followEnds(apps[0]!.said);
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
        const { rows } = await database.query<{ is_caught_up: boolean; last: string }>(CAUGHT_UP);
        if (rows[0]?.is_caught_up) return Number(rows[0].last);
        await new Promise((resolve) => setTimeout(resolve, CAUGHT_UP_MS));
      }
    },
    stored: () => storedByUs(database),
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

/** Whether every read table has every event of the log, and when the last one was written. */
const CAUGHT_UP = `
  with last as (
    select position, created from eventstore.events where stream like 'workflow-%' order by position desc limit 1
  )
  select last.created as last, not exists (
    select from projection_checkpoints as checkpoint where checkpoint.position < last.position
  ) as is_caught_up
  from last`;

const writeDefinition = async (directory: string): Promise<string> => {
  const definitions = join(directory, 'definitions');
  await mkdir(definitions);
  const steps = Array.from({ length: STEPS }, (_, step) => ({
    name: stepName(step),
    agent: 'bench',
    timeout_minutes: 1,
  }));
  const definition = { name: 'bench', document_type: 'bench', steps };
  await writeFile(join(definitions, 'bench.json'), JSON.stringify(definition));
  return definitions;
};
