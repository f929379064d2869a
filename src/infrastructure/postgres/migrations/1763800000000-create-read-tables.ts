import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateReadTables1763800000000 implements MigrationInterface {
  /** TypeORM reads the order from the name's last digits, and a minifier may take a class's name away. */
  readonly name = 'CreateReadTables1763800000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [executions, steps, events, ...indexes]) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table workflow_executions, workflow_steps, workflow_events');
  }
}

const executions = `
  create table workflow_executions (
    id uuid primary key,
    project_id text not null,
    document_type text not null,
    workflow_name text not null,
    definition_hash text not null,
    triggered_by text,
    auto_execute boolean not null,
    current_state text not null,
    current_step text,
    next_step text,
    percent_complete integer not null,
    error_type text,
    error_code text,
    error_message text,
    checkpoint_data jsonb not null,
    metadata jsonb not null,
    created_at timestamptz(3) not null,
    started_at timestamptz(3),
    updated_at timestamptz(3) not null,
    completed_at timestamptz(3),
    next_action_at timestamptz(3),
    worker text,
    revision bigint not null,
    position bigint not null
  )`;

const steps = `
  create table workflow_steps (
    id uuid primary key,
    execution_id uuid not null,
    step_name text not null,
    step_order integer not null,
    agent text not null,
    required boolean not null,
    status text not null,
    attempt integer not null,
    generation integer not null,
    retry_count integer not null,
    max_retries integer not null,
    started_at timestamptz(3),
    completed_at timestamptz(3),
    duration_ms double precision,
    error_type text,
    error_code text,
    error_message text,
    retry_at timestamptz(3),
    deadline_at timestamptz(3),
    worker text,
    idempotency_key text,
    output jsonb,
    artifacts jsonb not null,
    agent_metadata jsonb,
    revision bigint not null
  )`;

const events = `
  create table workflow_events (
    execution_id uuid not null,
    revision bigint not null,
    id uuid not null,
    position bigint not null,
    event_type text not null,
    data json not null,
    actor jsonb,
    reason text,
    command_id text,
    correlation_id text,
    causation_id text,
    occurred_at timestamptz(3),
    recorded_at timestamptz(3) not null,
    current_state text,
    percent_complete integer,
    primary key (execution_id, revision)
  )`;

/** The tables have no foreign keys: each is built from the log alone, and may be rebuilt beside the others. */
const indexes = [
  // The sweep: what is owed something, soonest first. Executions at rest are not in it.
  `create index workflow_executions_due on workflow_executions (next_action_at, id) where next_action_at is not null`,
  // The list, newest first, whole or by one filter.
  `create index workflow_executions_newest on workflow_executions (created_at desc, id desc)`,
  `create index workflow_executions_by_state on workflow_executions (current_state, created_at desc, id desc)`,
  `create index workflow_executions_by_project on workflow_executions (project_id, created_at desc, id desc)`,
  `create index workflow_executions_by_document on workflow_executions (document_type, created_at desc, id desc)`,
  `create index workflow_steps_by_execution on workflow_steps (execution_id, step_order)`,
];
