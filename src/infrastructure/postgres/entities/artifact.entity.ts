import { Column, Entity, PrimaryColumn } from 'typeorm';
import { INSTANT } from './column-types.js';

@Entity('artifacts')
export class Artifact {
  /** Hex. */
  @PrimaryColumn('text')
  sha256!: string;

  @Column('integer')
  bytes!: number;

  @Column('text')
  content_type!: string;

  @Column('bytea')
  content!: Buffer;

  @Column({ ...INSTANT, default: () => 'now()' })
  created_at!: Date;
}
