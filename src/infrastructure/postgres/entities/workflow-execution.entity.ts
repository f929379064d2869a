import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ExecutionView } from '../../../application/queries/read-model.js';
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
