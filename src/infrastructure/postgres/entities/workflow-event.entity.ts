import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { EventView } from '../../../application/queries/read-model.js';
import { INSTANT } from './column-types.js';

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
