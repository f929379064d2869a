/** openworkflow on Postgres: workers in the process that starts the workflows. */
import { OpenWorkflow } from 'openworkflow';
import { BackendPostgres } from 'openworkflow/postgres';
import pg from 'pg';
import type { Start } from '../contender.js';
import { byWorkflow } from '../rows.js';
import { stepsOf } from '../step.js';
import { stepName, STEPS, workflowName } from '../work.mjs';

const POOL = 20;
/** Each looks for work by itself, after up to a second where it has found none. */
const WORKERS = 4;
/** A worker whose slots are all taken rests as if there were no work. */
const SLOTS_PER_WORKFLOW = 1.25;

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
  const concurrency = Math.ceil((setup.inFlight * SLOTS_PER_WORKFLOW) / WORKERS);
  const workers = Array.from({ length: WORKERS }, () => engine.newWorker({ concurrency }));
  for (const worker of workers) await worker.start();
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
      for (const worker of workers) await worker.stop();
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
