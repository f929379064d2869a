/** DBOS Transact: workflows started in process, which is where its docs run them; every step is a row. */
import { DBOS } from '@dbos-inc/dbos-sdk';
import pg from 'pg';
import type { Start } from '../contender.js';
import { byWorkflow } from '../rows.js';
import { stepsOf } from '../step.js';
import { stepName, STEPS, workflowName } from '../work.mjs';

const POOL = 20;

export const start: Start = async (setup) => {
  const steps = stepsOf(setup);
  const workflow = DBOS.registerWorkflow(
    async (number: number) => {
      for (let step = 0; step < STEPS; step++)
        await DBOS.runStep(() => steps.run(number, step), { name: stepName(step) });
    },
    { name: 'bench' },
  );
  DBOS.setConfig({
    ...{ name: 'bench', systemDatabaseUrl: setup.databaseUrl, systemDatabasePoolSize: POOL },
    ...{ logLevel: 'error', applicationVersion: '1' },
  });
  await DBOS.launch();
  return {
    run: async (number) => {
      const handle = await DBOS.startWorkflow(workflow, { workflowID: workflowName(number) })(number);
      await handle.getResult();
    },
    stored: async () => {
      const database = new pg.Client({ connectionString: setup.databaseUrl });
      await database.connect();
      const { rows } = await database.query<{ name: string; step: number; result: string }>(
        `select workflow_uuid as name, function_id as step, operation.output as result
         from dbos.workflow_status join dbos.operation_outputs as operation using (workflow_uuid) where status = 'SUCCESS'`,
      );
      await database.end();
      return byWorkflow(rows.map((row) => ({ ...row, result: (JSON.parse(row.result) as { json: unknown }).json })));
    },
    stop: async () => {
      await DBOS.shutdown();
      await steps.close();
    },
  };
};
