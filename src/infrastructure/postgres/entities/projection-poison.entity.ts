import { Column, Entity, PrimaryColumn } from 'typeorm';
import { INSTANT } from './column-types.js';

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
