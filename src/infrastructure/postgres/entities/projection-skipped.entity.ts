import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Actor } from '../../../application/log/envelope.js';
import { INSTANT } from './column-types.js';

/** An event that an operator had a projection pass over. Kept for good. */
@Entity('projection_skipped')
export class ProjectionSkipped {
  @PrimaryColumn('text')
  projection!: string;

  @PrimaryColumn('text')
  execution_id!: string;

  @PrimaryColumn('bigint')
  revision!: string;

  @Column('bigint')
  position!: string;

  @Column('text')
  event_id!: string;

  /** Why it could not be applied. */
  @Column('text')
  error!: string;

  @Column(INSTANT)
  at!: Date;

  @Column('jsonb')
  actor!: Actor;

  @Column('text')
  reason!: string;
}
