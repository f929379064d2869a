import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ExecutionView, StepView, EventView } from '../../../application/queries/read-model.js';
import type { Damage } from '../../../application/log/event-log.js';
import { INSTANT } from './column-types.js';

@Entity('workflow_executions')
export class WorkflowExecution implements ExecutionView {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  project_id!: string;

  @Column('text')
  document_type!: string;

  @Column('text')
  workflow_name!: string;

  @Column('text')
  definition_hash!: string;

  @Column('text', { nullable: true })
  triggered_by!: string | null;

  @Column('boolean')
  auto_execute!: boolean;

  @Column('text')
  current_state!: string;

  @Column('text', { nullable: true })
  pause_state!: ExecutionView['pause_state'];

  @Column('boolean', { default: false })
  drained!: boolean;

  @Column('text', { nullable: true })
  current_step!: string | null;

  @Column('text', { nullable: true })
  next_step!: string | null;

  @Column('integer')
  percent_complete!: number;

  @Column('text', { nullable: true })
  error_type!: ExecutionView['error_type'];

  @Column('text', { nullable: true })
  error_code!: string | null;

  @Column('text', { nullable: true })
  error_message!: string | null;

  @Column('jsonb')
  checkpoint_data!: ExecutionView['checkpoint_data'];

  @Column('jsonb')
  metadata!: ExecutionView['metadata'];

  @Column(INSTANT)
  created_at!: Date;

  @Column({ ...INSTANT, nullable: true })
  started_at!: Date | null;

  @Column(INSTANT)
  updated_at!: Date;

  @Column({ ...INSTANT, nullable: true })
  completed_at!: Date | null;

  @Column({ ...INSTANT, nullable: true })
  next_action_at!: Date | null;

  @Column('text', { nullable: true })
  worker!: string | null;

  @Column('bigint')
  revision!: string;

  @Column('bigint')
  position!: string;
}

@Entity('workflow_steps')
export class WorkflowStep implements StepView {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  execution_id!: string;

  @Column('text')
  step_name!: string;

  @Column('integer')
  step_order!: number;

  @Column('text')
  agent!: string;

  @Column('boolean')
  required!: boolean;

  @Column('text')
  status!: StepView['status'];

  @Column('integer')
  attempt!: number;

  @Column('integer')
  generation!: number;

  @Column('integer')
  retry_count!: number;

  @Column('integer')
  max_retries!: number;

  @Column({ ...INSTANT, nullable: true })
  started_at!: Date | null;

  @Column({ ...INSTANT, nullable: true })
  completed_at!: Date | null;

  /** Not an integer: 25 days of milliseconds would not go into one. */
  @Column('double precision', { nullable: true })
  duration_ms!: number | null;

  @Column('text', { nullable: true })
  error_type!: StepView['error_type'];

  @Column('text', { nullable: true })
  error_code!: string | null;

  @Column('text', { nullable: true })
  error_message!: string | null;

  @Column({ ...INSTANT, nullable: true })
  retry_at!: Date | null;

  @Column('jsonb', { nullable: true })
  last_decision!: StepView['last_decision'];

  @Column({ ...INSTANT, nullable: true })
  deadline_at!: Date | null;

  @Column({ ...INSTANT, nullable: true })
  deferred_at!: Date | null;

  @Column({ ...INSTANT, nullable: true })
  heartbeat_due_at!: Date | null;

  @Column('double precision', { nullable: true })
  progress_percent!: number | null;

  @Column('text', { nullable: true })
  progress_message!: string | null;

  @Column({ ...INSTANT, nullable: true })
  progress_at!: Date | null;

  @Column('text', { nullable: true })
  worker!: string | null;

  @Column('text', { nullable: true })
  idempotency_key!: string | null;

  @Column('jsonb', { nullable: true })
  output!: StepView['output'];

  @Column('jsonb')
  artifacts!: StepView['artifacts'];

  @Column('jsonb', { nullable: true })
  agent_metadata!: StepView['agent_metadata'];

  @Column('bigint')
  revision!: string;
}

/** The key is the place in the log, not the id: an id that were used twice must not make an event disappear. */
@Entity('workflow_events')
export class WorkflowEventRow implements EventView {
  @PrimaryColumn('uuid')
  execution_id!: string;

  @PrimaryColumn('bigint')
  revision!: string;

  @Column('uuid')
  id!: string;

  @Column('bigint')
  position!: string;

  @Column('text')
  event_type!: string;

  /** `json`, not `jsonb`: kept as it is, with characters that jsonb cannot hold and its keys in their order. */
  @Column('json')
  data!: EventView['data'];

  @Column('jsonb', { nullable: true })
  actor!: EventView['actor'];

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column('text', { nullable: true })
  command_id!: string | null;

  @Column('text', { nullable: true })
  correlation_id!: string | null;

  @Column('text', { nullable: true })
  causation_id!: string | null;

  @Column({ ...INSTANT, nullable: true })
  occurred_at!: Date | null;

  @Column(INSTANT)
  recorded_at!: Date;

  @Column('text', { nullable: true })
  hash!: string | null;

  @Column('text', { nullable: true })
  previous_hash!: string | null;

  @Column('text', { nullable: true })
  current_state!: string | null;

  @Column('integer', { nullable: true })
  percent_complete!: number | null;
}

/** An execution whose history is not whole; text, as a stream may be named by something that is no UUID. */
@Entity('damaged_histories')
export class DamagedHistoryRow {
  @PrimaryColumn('text')
  execution_id!: string;

  @Column('text')
  damage!: Damage;

  @Column('text')
  what!: string;

  @Column(INSTANT)
  found_at!: Date;
}
