import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The two phases of a pause, and why a step is tried again or not; both also for what happened before. */
export class AddPauseState1763800000050 implements MigrationInterface {
  readonly name = 'AddPauseState1763800000050';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [...columns, pausedBefore, decidedBefore]) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table workflow_executions drop column pause_state, drop column drained');
    await queryRunner.query('alter table workflow_steps drop column last_decision');
  }
}

const columns = [
  `alter table workflow_executions add column pause_state text, add column drained boolean not null default false`,
  `alter table workflow_steps add column last_decision jsonb`,
];

const pausedBefore = `
  update workflow_executions execution
  set pause_state = case when running.execution_id is null then 'paused' else 'pausing' end,
      drained = running.execution_id is null
  from workflow_executions paused
  left join workflow_steps running on running.execution_id = paused.id and running.status = 'running'
  where paused.current_state = 'paused' and paused.id = execution.id`;

/**
 * The decisions as text, not as JSON: an event may hold characters that jsonb refuses, though a decision does not. Inside
 * a string of the event the quotes of such a key would be escaped, so what matches is the key itself.
 */
const decidedBefore = String.raw`
  with failures as (
    select substring(data::text from '"stepId":"([^"]+)"') as step_id,
           substring(data::text from '"decision":(\{[^{}]*\})')::jsonb as decision,
           substring(data::text from '"type":"(transient|validation|fatal)"') as error_type,
           row_number() over (
             partition by execution_id, substring(data::text from '"stepId":"([^"]+)"') order by revision desc
           ) as place
    from workflow_events where event_type = 'StepFailed'
  )
  update workflow_steps step
  set last_decision = jsonb_build_object(
    'rule', decision -> 'rule', 'error_type', failures.error_type, 'attempt', decision -> 'attempt', 'of', decision -> 'of',
    'delay_ms', decision -> 'delayMs', 'delay_source', decision -> 'delaySource',
    'then', case when decision ->> 'rule' = 'retry' then 'retry' end)
  from failures
  where failures.place = 1 and failures.decision is not null and failures.step_id = step.id::text`;
