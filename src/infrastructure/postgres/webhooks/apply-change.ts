import type pg from 'pg';
import { unreachable } from '../../../domain/decider.js';
import type { QueueStep } from '../../../application/webhooks/webhook-queue.js';
import { storable, storableJson } from '../session/storable.js';

type Change = Extract<QueueStep, { kind: 'change' }>;
type Client = Pick<pg.Client, 'query'>;

/** An event of a subscription's stream, in its row. What was never prepared, in another database perhaps, has none. */
export const applyChange = async (client: Client, { webhookId, event, recorded }: Change): Promise<void> => {
  const revision = String(recorded.revision);
  const { actor, reason } = event.data;
  const at = new Date(event.data.at).toISOString();
  switch (event.type) {
    case 'WebhookSubscribed': {
      const { eventTypes, projectId, executionId } = event.data.filter;
      await client.query(
        `update webhooks set state = 'enabled', target = $3, description = $4, event_types = $5, project_id = $6,
           execution_id = $7, created_by = $8, created_at = $9, revision = $2 where id = $1 and state = 'prepared'`,
        [
          ...[webhookId, revision, event.data.target, event.data.description, storableJson(eventTypes)],
          ...[projectId, executionId, storableJson(actor), at],
        ].map(storable),
      );
      return;
    }
    case 'WebhookSecretRotated':
      await client.query(
        `update webhook_secrets set active = true,
           expires_at = case when id::text = $2 then null
             else least(expires_at, clock_timestamp() + $3::float8 * interval '1 millisecond') end
         where webhook_id = $1 and (active or id::text = $2)
           and exists (select from webhook_secrets where webhook_id = $1 and id::text = $2)`,
        [webhookId, storable(event.data.secretId), Math.min(event.data.overlapMs, LONGEST_OVERLAP_MS)],
      );
      return moveTo(client, webhookId, revision);
    case 'WebhookDisabled':
      await client.query(
        `update webhooks set state = 'disabled', overfull = false, disabled = $3, revision = $2
         where id = $1 and state <> 'prepared'`,
        [webhookId, revision, storableJson({ cause: event.data.cause, reason, actor, at })],
      );
      return;
    case 'WebhookEnabled':
      return enable(client, webhookId, revision);
    case 'WebhookTested':
      return moveTo(client, webhookId, revision);
    case 'WebhookRemoved':
      for (const [table, column] of OWNED) await client.query(`delete from ${table} where ${column} = $1`, [webhookId]);
      return;
    default:
      return unreachable(event);
  }
};

/** A year. Longer ones no request can ask for. */
const LONGEST_OVERLAP_MS = 365 * 86_400_000;

const OWNED = [
  ['webhooks', 'id'],
  ['webhook_lanes', 'webhook_id'],
  ['webhook_deliveries', 'webhook_id'],
  ['webhook_secrets', 'webhook_id'],
] as const;

/** What has waited meanwhile is tried at once, and has its whole time again. */
const enable = async (client: Client, webhookId: string, revision: string): Promise<void> => {
  await client.query(
    `update webhooks set state = 'enabled', disabled = null, revision = $2, receiver_state = 'unknown', silent_at = null
     where id = $1 and state <> 'prepared'`,
    [webhookId, revision],
  );
  await client.query('update webhook_lanes set next_attempt_at = clock_timestamp() where webhook_id = $1', [webhookId]);
  await client.query(
    `update webhook_deliveries set attempts = 0, first_attempt_at = null where webhook_id = $1 and state = 'pending'`,
    [webhookId],
  );
};

const moveTo = async (client: Client, webhookId: string, revision: string): Promise<void> => {
  await client.query('update webhooks set revision = $2 where id = $1', [webhookId, revision]);
};
