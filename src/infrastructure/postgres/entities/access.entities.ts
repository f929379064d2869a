import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Grant } from '../../../domain/access/grants.js';
import { INSTANT } from './column-types.js';

/** A person who is signed in with one browser. */
@Entity('sessions')
export class SessionRow {
  /** SHA-256 of the cookie's secret, hex. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  issuer!: string;

  @Column('text')
  subject!: string;

  @Column('text')
  name!: string;

  @Column('jsonb')
  claimed!: readonly Grant[];

  @Column(INSTANT)
  authenticated_at!: Date;

  @Column(INSTANT)
  created_at!: Date;

  @Column(INSTANT)
  last_seen_at!: Date;

  @Column(INSTANT)
  expires_at!: Date;

  /** What the person signed in for anew; null where that was nothing, or is used up. */
  @Column('text', { nullable: true })
  fresh_purpose!: string | null;

  @Column({ ...INSTANT, nullable: true })
  fresh_until!: Date | null;
}

/** Each sign-in makes one session. A row is forgotten when its sign-in could no longer be finished anyway. */
@Entity('used_sign_ins')
export class UsedSignIn {
  /** SHA-256 of the secret of its ticket, hex. */
  @PrimaryColumn('text')
  id!: string;

  @Column(INSTANT)
  expires_at!: Date;
}
