import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { RowDifference } from '../../../application/projections/drift/check-execution.js';
import type { Actor } from '../../../application/log/envelope.js';
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

  /** Of the last event that was handled, by which the log is known again. */
  @Column('bigint', { nullable: true })
  event_position!: string | null;

  @Column('text', { nullable: true })
  event_id!: string | null;
}

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

/** What a follower of a table has to know of rows that came behind a position: see the migration. */
@Entity('projection_late')
export class ProjectionLate {
  @PrimaryColumn({ type: 'text' })
  projection!: string;

  @Column({ type: 'bigint' })
  position!: string;

  @Column({ type: 'bigint', default: 0 })
  late!: string;

  @Column({ type: 'bigint', default: 0 })
  exchanged!: string;
}

/** What an operator wants done with an execution that is held back. The leader of the projections takes it up. */
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

/** The event at which a projection stopped following an execution. What came after it in that stream waits. */
@Entity('projection_poison')
export class ProjectionPoison {
  @PrimaryColumn('text')
  projection!: string;

  /** Text: a stream may be named by something that is not a UUID, and that is one way to be poison. */
  @PrimaryColumn('text')
  execution_id!: string;

  @Column('bigint')
  position!: string;

  @Column('bigint')
  revision!: string;

  @Column('text')
  event_id!: string;

  @Column('text')
  error!: string;

  @Column(INSTANT)
  at!: Date;
}

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
