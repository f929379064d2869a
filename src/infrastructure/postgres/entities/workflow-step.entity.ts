import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { StepView } from '../../../application/queries/read-model.js';
import { INSTANT } from './column-types.js';

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
