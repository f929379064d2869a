import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { RowDifference } from '../../../application/projections/drift/differences.js';
import { INSTANT } from './column-types.js';

/** An execution whose rows were not those of its events when they were compared last. */
@Entity('projection_drift')
export class ProjectionDrift {
  @PrimaryColumn('text')
  projection!: string;

  @PrimaryColumn('text')
  execution_id!: string;

  /** As of which both were compared. */
  @Column('bigint')
  position!: string;

  @Column('integer')
  differences!: number;

  @Column('jsonb')
  samples!: readonly RowDifference[];

  @Column(INSTANT)
  found_at!: Date;
}
