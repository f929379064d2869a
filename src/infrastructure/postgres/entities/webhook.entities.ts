import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Actor } from '../../../application/log/envelope.js';
import type { ReceiverState } from '../../../application/webhooks/webhook-queue.js';
import type { WebhookView, DeliveryState } from '../../../application/webhooks/webhook-store.js';
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

  /** Of its creator, as patterns; null: all. */
  @Column('jsonb', { nullable: true })
  projects!: readonly string[] | null;

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

/** An event on its way to a subscriber, or delivered. What it says is in the log. */
@Entity('webhook_deliveries')
export class WebhookDelivery {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  webhook_id!: string;

  @Column('text')
  stream!: string;

  @Column('bigint')
  revision!: string;

  @Column('bigint')
  position!: string;

  @Column('text')
  event_id!: string;

  @Column('text')
  event_type!: string;

  @Column('text', { nullable: true })
  execution_id!: string | null;

  @Column('text')
  state!: DeliveryState;

  @Column('integer')
  attempts!: number;

  @Column('integer', { nullable: true })
  status_code!: number | null;

  @Column('integer', { nullable: true })
  duration_ms!: number | null;

  @Column('text', { nullable: true })
  error!: string | null;

  @Column('text', { nullable: true })
  response_excerpt!: string | null;

  @Column(INSTANT)
  created_at!: Date;

  @Column({ ...INSTANT, nullable: true })
  first_attempt_at!: Date | null;

  @Column({ ...INSTANT, nullable: true })
  last_attempt_at!: Date | null;

  @Column({ ...INSTANT, nullable: true })
  finished_at!: Date | null;
}

/** Of one execution to one subscriber: when its oldest delivery is due, and who is at it. */
@Entity('webhook_lanes')
export class WebhookLane {
  @PrimaryColumn('uuid')
  webhook_id!: string;

  @PrimaryColumn('text')
  stream!: string;

  @Column(INSTANT)
  next_attempt_at!: Date;

  @Column('uuid', { nullable: true })
  claim!: string | null;

  @Column({ ...INSTANT, nullable: true })
  claimed_until!: Date | null;
}

/** One row: the position in the log up to which deliveries were made. Null: its start. */
@Entity('webhook_cursor')
export class WebhookCursor {
  @PrimaryColumn('integer')
  id!: number;

  @Column('bigint', { nullable: true })
  position!: string | null;

  @Column(INSTANT)
  updated_at!: Date;

  /** The last event that was taken in, by which the log is known again. */
  @Column('bigint', { nullable: true })
  event_position!: string | null;

  @Column('text', { nullable: true })
  event_id!: string | null;
}
