/** The built application as a part of this process: started, and its ends heard, by the package's own functions. */
import pg from 'pg';
import { setTimeout as pause } from 'node:timers/promises';
import type * as Package from '../../../src/index.js';
import { caughtUp, writeDefinition } from '../../application/application.js';
import type { Start } from '../contender.js';
import { storedByUs } from '../stored-by-us.js';
import { answerTo, workflowName } from '../work.mjs';
import { boundsOf, CAUGHT_UP_MS } from './ours.js';

const dist = new URL('../../../dist/index.js', import.meta.url);

export const start: Start = async (setup) => {
  const { registerAgent, startExecutor } = (await import(dist.href)) as typeof Package;
  const { agentUrl, databaseUrl, directory } = setup;
  if (agentUrl === null)
    registerAgent('bench', (input: Parameters<typeof answerTo>[0]) => Promise.resolve(answerTo(input)));
  const executor = await startExecutor({
    ...{ DATABASE_URL: databaseUrl, DATA_DIR: directory, DEFINITIONS_DIR: await writeDefinition(directory) },
    ...{ PORT: '0', LOG_LEVEL: 'error', ...boundsOf(setup), ...(agentUrl !== null && { AGENT_BENCH_URL: agentUrl }) },
  });
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  return {
    run: async (workflow) => {
      const id = await executor.start({ project_id: workflowName(workflow), document_type: 'bench' });
      const { current_state: state } = await executor.ended(id);
      if (state !== 'completed') throw new Error(`Workflow ${workflow} ended as ${state}`);
    },
    settled: async () => {
      for (;;) {
        const last = await caughtUp(database);
        if (last !== undefined) return last;
        await pause(CAUGHT_UP_MS);
      }
    },
    stored: () => storedByUs(database),
    stop: async () => {
      await database.end();
      await executor.stop();
    },
  };
};
