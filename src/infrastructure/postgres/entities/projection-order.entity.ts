import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Actor } from '../../../application/log/envelope.js';
import { INSTANT } from './column-types.js';

/** What an operator wants done with an execution that is held back. Whoever leads the projections takes it up. */
@Entity('projection_orders')
export class ProjectionOrder {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  projection!: string;

  @Column('text')
  execution_id!: string;

  @Column('text')
  action!: 'retry' | 'skip';

  /** Of the event that held the execution back when it was ordered. */
  @Column('bigint')
  revision!: string;

  @Column('jsonb')
  actor!: Actor;

  @Column('text')
  reason!: string;

  @Column(INSTANT)
  placed_at!: Date;

  @Column({ ...INSTANT, nullable: true })
  done_at!: Date | null;

  @Column('text', { nullable: true })
  outcome!: string | null;
}
