import { Column, Entity, PrimaryColumn } from 'typeorm';
import { INSTANT } from './column-types.js';

/** An instance of the application; the time is the database's. */
@Entity('workers')
export class Worker {
  @PrimaryColumn('text')
  id!: string;

  @Column(INSTANT)
  heartbeat_at!: Date;
}
