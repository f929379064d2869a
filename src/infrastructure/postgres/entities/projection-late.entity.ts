import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What whoever follows a table has to know of rows that came behind a position: see the migration. */
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
