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

/** An instance of the application; the time is the database's. */
@Entity('workers')
export class Worker {
  @PrimaryColumn('text')
  id!: string;

  @Column(INSTANT)
  heartbeat_at!: Date;
}

/** Made by the first instance that needs it, shared by all that use this database. Never in an event, an answer or a log. */
@Entity('installation_secrets')
export class InstallationSecret {
  @PrimaryColumn('text')
  name!: string;

  @Column('bytea')
  value!: Buffer;
}

/** The log that the tables were made of. One row. */
@Entity('log_identity')
export class KnownLog {
  @PrimaryColumn('integer')
  id!: number;

  @Column('uuid')
  log_id!: string;

  @Column(INSTANT)
  bound_at!: Date;
}

@Entity('access_key_uses')
export class ApiKeyUse {
  @PrimaryColumn('text')
  key_id!: string;

  @Column(INSTANT)
  last_used_at!: Date;
}

/** What all instances count together; `expire` is in milliseconds since 1970. */
@Entity('rate_limits')
export class RateLimitCount {
  @PrimaryColumn({ type: 'varchar', length: 255 })
  key!: string;

  @Column('integer', { default: 0 })
  points!: number;

  @Column('bigint', { nullable: true })
  expire!: string | null;
}
