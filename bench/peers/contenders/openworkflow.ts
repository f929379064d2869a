/** openworkflow on Postgres: a worker with a slot for each workflow in flight, in the process that starts them. */
import { OpenWorkflow } from 'openworkflow';
import { BackendPostgres } from 'openworkflow/postgres';
import pg from 'pg';
import type { Start } from '../contender.js';
import { byWorkflow } from '../rows.js';
import { stepsOf } from '../step.js';
import { stepName, STEPS, workflowName } from '../work.mjs';

const POOL = 20;

export const start: Start = async (setup) => {
  const steps = stepsOf(setup);
  const url = new URL(setup.databaseUrl);
  url.searchParams.set('max', String(POOL));
  const backend = await BackendPostgres.connect(url.href);
  const ends = observeEnds(backend);
  const engine = new OpenWorkflow({ backend });
  const workflow = engine.defineWorkflow<{ number: number }, void>({ name: 'bench' }, async ({ input, step: run }) => {
    for (let step = 0; step < STEPS; step++)
      await run.run({ name: stepName(step) }, () => steps.run(input.number, step));
  });
  const worker = engine.newWorker({ concurrency: setup.inFlight });
  await worker.start();
  return {
    run: async (number) => {
      const { workflowRun } = await workflow.run({ number }, { idempotencyKey: workflowName(number) });
      await ends(workflowRun.id);
    },
    stored: async () => {
      const database = new pg.Client({ connectionString: setup.databaseUrl });
      await database.connect();
      const { rows } = await database.query<{ name: string; step: number; result: unknown }>(
        `select run.idempotency_key as name, substr(attempt.step_name, 6)::int as step, attempt.output as result
         from openworkflow.workflow_runs as run
         join openworkflow.step_attempts as attempt on attempt.workflow_run_id = run.id
         where run.status = 'completed' and attempt.status = 'completed'`,
      );
      await database.end();
      return byWorkflow(rows);
    },
    stop: async () => {
      await worker.stop();
      await backend.stop();
      await steps.close();
    },
  };
};

/**
 * Its handles look for a result once a second, which would be all that is measured. What a run waits for here is the answer
 * to the statement that stores its end.
 */
const observeEnds = (backend: BackendPostgres): ((id: string) => Promise<void>) => {
  const ended = new Set<string>();
  const waiting = new Map<string, () => void>();
  const complete = backend.completeWorkflowRun.bind(backend);
  backend.completeWorkflowRun = async (params) => {
    const run = await complete(params);
    const tell = waiting.get(run.id);
    if (tell) tell();
    else ended.add(run.id);
    waiting.delete(run.id);
    return run;
  };
  return (id) => (ended.delete(id) ? Promise.resolve() : new Promise((resolve) => waiting.set(id, resolve)));
};
