import { Column, Entity, PrimaryColumn } from 'typeorm';
import { INSTANT } from './column-types.js';

/** How far a projection has read the log. Moves in the transaction that writes its rows. */
@Entity('projection_checkpoints')
export class ProjectionCheckpoint {
  @PrimaryColumn('text')
  projection!: string;

  @Column('bigint')
  position!: string;

  /** When the log recorded the last event that was handled. */
  @Column({ ...INSTANT, nullable: true })
  last_event_at!: Date | null;

  /** Of the mapping that made the rows. */
  @Column('integer', { default: 1 })
  version!: number;

  /** Of the rebuild that made the table; null where it was never rebuilt. */
  @Column('uuid', { nullable: true })
  rebuild_id!: string | null;

  /** Handled so far, since the table was made. */
  @Column('bigint', { default: 0 })
  events!: string;

  @Column(INSTANT)
  updated_at!: Date;
}
