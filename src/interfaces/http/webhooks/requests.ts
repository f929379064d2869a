import { IsOptional } from 'class-validator';
import type { DeliveryState } from '../../../application/webhooks/webhook-store.js';
import { LONGEST_REASON } from '../executions/control-workflow.js';
import { Field, OpaqueId, Text, Uuid } from '../server/fields.js';
import { CursorText, IntegerText, OneOf } from '../server/query-fields.js';

const LONGEST_URL = 2_000;
const LONGEST_DESCRIPTION = 200;
const MOST_TYPES = 50;
const LONGEST_OVERLAP_SECONDS = 7 * 86_400;

const EventTypeList = () =>
  Field(
    `an array of up to ${MOST_TYPES} event types, or beginnings of them with * behind`,
    (value) =>
      Array.isArray(value) &&
      value.length <= MOST_TYPES &&
      value.every((each) => typeof each === 'string' && /^[A-Za-z]{0,100}\*?$/.test(each) && each !== ''),
  );

/** Who asks, and why. */
export class WebhookBody {
  @IsOptional()
  @OpaqueId()
  actor_id?: string | null;

  @IsOptional()
  @Text(LONGEST_REASON)
  reason?: string | null;
}

export class SubscribeWebhookBody extends WebhookBody {
  @Text(LONGEST_URL)
  url!: string;

  @IsOptional()
  @Text(LONGEST_DESCRIPTION)
  description?: string | null;

  @IsOptional()
  @EventTypeList()
  event_types?: readonly string[] | null;

  @IsOptional()
  @OpaqueId()
  project_id?: string | null;

  @IsOptional()
  @Uuid()
  execution_id?: string | null;
}

export const USUAL_OVERLAP_SECONDS = 86_400;

export class RotateSecretBody extends WebhookBody {
  @IsOptional()
  @Field(
    `a whole number from 0 to ${LONGEST_OVERLAP_SECONDS}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= LONGEST_OVERLAP_SECONDS,
  )
  overlap_seconds?: number | null;
}

/** DELETE has no body. */
export class RemoveWebhookQuery {
  @IsOptional()
  @OpaqueId()
  actor_id?: string;

  @IsOptional()
  @Text(LONGEST_REASON)
  reason?: string;
}

export class WebhookPath {
  @Uuid()
  id!: string;
}

export class DeliveryPath extends WebhookPath {
  @Uuid()
  delivery_id!: string;
}

export const DELIVERIES_PER_PAGE = { most: 200, usual: 50 };

export class DeliveriesQuery {
  @IsOptional()
  @OneOf('pending', 'delivered', 'failed')
  state?: DeliveryState;

  @IsOptional()
  @IntegerText(1, DELIVERIES_PER_PAGE.most)
  limit?: string;

  @IsOptional()
  @CursorText()
  cursor?: string;
}
