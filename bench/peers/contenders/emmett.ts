/** Emmett's event store: an append for each step, and a read table that its inline projection keeps in the same transaction. */
import { getPostgreSQLEventStore, postgreSQLRawSQLProjection } from '@event-driven-io/emmett-postgresql';
import { rawSql, sql } from '@event-driven-io/dumbo';
import pg from 'pg';
import type { Start } from '../contender.js';
import { byWorkflow } from '../rows.js';
import { stepsOf } from '../step.js';
import { STEPS, workflowName } from '../work.mjs';

const POOL = 20;

type Event = Readonly<{ type: string; data: Readonly<{ workflow: string; step: number; result: string | null }> }>;
const event = (type: string, workflow: string, step: number, result: string | null): Event => ({
  type,
  data: { workflow, step, result },
});

const executions = postgreSQLRawSQLProjection<Event>({
  name: 'executions',
  canHandle: ['WorkflowStarted', 'StepCompleted', 'WorkflowCompleted'],
  init: () => rawSql('create table if not exists executions (id text primary key, state text, steps int)'),
  evolve: ({ type, data: { workflow, step } }) =>
    type === 'WorkflowStarted'
      ? sql(`insert into executions (id, state, steps) values (%L, 'running', 0)`, workflow)
      : type === 'StepCompleted'
        ? sql(`update executions set steps = %s where id = %L`, step + 1, workflow)
        : sql(`update executions set state = 'completed' where id = %L`, workflow),
});

export const start: Start = async (setup) => {
  const steps = stepsOf(setup);
  const pool = new pg.Pool({ connectionString: setup.databaseUrl, max: POOL });
  const store = getPostgreSQLEventStore(setup.databaseUrl, {
    projections: [{ type: 'inline', projection: executions }],
    connectionOptions: { pool },
  });
  await store.schema.migrate();
  return {
    run: async (number) => {
      const workflow = workflowName(number);
      let expectedStreamVersion = await append(store, workflow, [event('WorkflowStarted', workflow, 0, null)]);
      for (let step = 0; step < STEPS; step++) {
        const events = [event('StepCompleted', workflow, step, await steps.run(number, step))];
        if (step === STEPS - 1) events.push(event('WorkflowCompleted', workflow, step, null));
        expectedStreamVersion = await append(store, workflow, events, expectedStreamVersion);
      }
    },
    stored: async () => {
      const { rows } = await pool.query<{ name: string; step: number; result: string }>(
        `select execution.id as name, (message_data->>'step')::int as step, message_data->>'result' as result
         from executions as execution join emt_messages as message on message.stream_id = execution.id
         where execution.state = 'completed' and execution.steps = ${STEPS} and message_type = 'StepCompleted'`,
      );
      return byWorkflow(rows);
    },
    stop: async () => {
      await store.close();
      await pool.end();
      await steps.close();
    },
  };
};

const append = async (
  store: ReturnType<typeof getPostgreSQLEventStore>,
  workflow: string,
  events: readonly Event[],
  expectedStreamVersion?: bigint,
): Promise<bigint> => {
  const expected = expectedStreamVersion ?? 'STREAM_DOES_NOT_EXIST';
  return (await store.appendToStream(workflow, events, { expectedStreamVersion: expected })).nextExpectedStreamVersion;
};
