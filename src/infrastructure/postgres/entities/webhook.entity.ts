import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Actor } from '../../../application/log/envelope.js';
import type { ReceiverState } from '../../../application/webhooks/webhook-queue.js';
import type { WebhookView } from '../../../application/webhooks/webhook-store.js';
import { INSTANT } from './column-types.js';

/** A subscription: the address is kept by the command, the rest is a fold of its stream. */
@Entity('webhooks')
export class Webhook {
  @PrimaryColumn('uuid')
  id!: string;

  /** With its query. In no event, answer or log. */
  @Column('text')
  url!: string;

  @Column('text')
  state!: 'prepared' | 'enabled' | 'disabled';

  @Column('text')
  target!: string;

  @Column('text', { nullable: true })
  description!: string | null;

  @Column('jsonb')
  event_types!: readonly string[];

  @Column('text', { nullable: true })
  project_id!: string | null;

  @Column('text', { nullable: true })
  execution_id!: string | null;

  @Column('jsonb', { nullable: true })
  created_by!: Actor | null;

  @Column(INSTANT)
  created_at!: Date;

  @Column('jsonb', { nullable: true })
  disabled!: WebhookView['disabled'];

  /** More waits for it than may. */
  @Column('boolean')
  overfull!: boolean;

  @Column('bigint', { nullable: true })
  revision!: string | null;

  @Column('text', { default: 'unknown' })
  receiver_state!: ReceiverState;

  /** When its receiver last let an attempt run out of time; null where it has answered since. */
  @Column({ ...INSTANT, nullable: true })
  silent_at!: Date | null;
}

/** In no event, answer (but the one that makes it) or log. */
@Entity('webhook_secrets')
export class WebhookSecret {
  @PrimaryColumn('uuid')
  webhook_id!: string;

  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  secret!: string;

  /** Signs. */
  @Column('boolean')
  active!: boolean;

  @Column(INSTANT)
  created_at!: Date;

  @Column({ ...INSTANT, nullable: true })
  expires_at!: Date | null;
}
