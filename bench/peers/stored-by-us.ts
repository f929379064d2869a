import type pg from 'pg';
import { byWorkflow } from './rows.js';

type Row = Readonly<{
  name: string;
  step: number;
  step_name: string;
  shown: Readonly<Record<string, unknown>>;
  data: string;
  metadata: string;
}>;

/**
 * The results of completed executions, from the events of the log.
 * @throws where the read tables show another output, or an event has no hash
 */
export const storedByUs = async (database: pg.Client): Promise<ReadonlyMap<number, readonly unknown[]>> => {
  const { rows } = await database.query<Row>(STEPS_AND_EVENTS);
  return byWorkflow(
    rows.map(({ name, step, step_name: stepName, shown, data, metadata }) => {
      const result = (JSON.parse(data) as { output: Record<string, unknown> }).output[stepName];
      if (shown[stepName] !== result) throw new Error(`${name}: the read table shows another output of ${stepName}`);
      if (!('hash' in (JSON.parse(metadata) as object))) throw new Error(`${name}: an event without a hash`);
      return { name, step, result };
    }),
  );
};

const STEPS_AND_EVENTS = `
  select execution.project_id as name, step.step_order as step, step.step_name, step.output as shown,
    convert_from(event.data, 'UTF8') as data, convert_from(event.metadata, 'UTF8') as metadata
  from workflow_executions as execution
  join workflow_steps as step on step.execution_id = execution.id
  join workflow_events as recorded on recorded.execution_id = execution.id and recorded.event_type = 'StepCompleted'
    and recorded.data->>'stepId' = step.id::text
  join eventstore.events as event on event.id = recorded.id
  where execution.current_state = 'completed' and step.status = 'completed'`;
