import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import type { WebhookReach } from '../../../domain/webhook/webhook.js';
import { type Page, InvalidCursor } from '../../../application/queries/read-model.js';
import {
  WebhookStore,
  type DeliveriesAsked,
  type DeliveryView,
  type Retention,
  type WebhookView,
} from '../../../application/webhooks/webhook-store.js';
import type { WebhookDelivery, Webhook } from '../entities/webhook.entities.js';

/** Rows as the application knows them. */

type WebhookRow = Omit<Webhook, 'url' | 'overfull' | 'receiver_state' | 'silent_at'> &
  Readonly<{
    secrets: readonly Readonly<{ id: string; created_at: string; expires_at: string | null }>[];
    queued: number;
    last_delivered_at: Date | null;
  }>;

const webhookView = (row: WebhookRow): WebhookView => ({
  id: row.id,
  target: row.target,
  description: row.description,
  filter: { eventTypes: row.event_types, projectId: row.project_id, executionId: row.execution_id },
  projects: row.projects ?? 'all',
  status: row.state === 'enabled' ? 'enabled' : 'disabled',
  disabled: row.disabled,
  createdBy: row.created_by!,
  createdAt: row.created_at,
  revision: row.revision!,
  secrets: row.secrets.map(({ id, created_at, expires_at }) => ({
    id,
    createdAt: new Date(created_at),
    expiresAt: expires_at === null ? null : new Date(expires_at),
  })),
  queued: row.queued,
  lastDeliveredAt: row.last_delivered_at,
});

type DeliveryRow = WebhookDelivery & Readonly<{ next_attempt_at: Date | null }>;

const deliveryView = (row: DeliveryRow): DeliveryView => ({
  id: row.id,
  webhookId: row.webhook_id,
  executionId: row.execution_id,
  eventId: row.event_id,
  eventType: row.event_type,
  position: row.position,
  revision: row.revision,
  state: row.state,
  attempts: row.attempts,
  statusCode: row.status_code,
  durationMs: row.duration_ms,
  error: row.error,
  responseExcerpt: row.response_excerpt,
  createdAt: row.created_at,
  firstAttemptAt: row.first_attempt_at,
  lastAttemptAt: row.last_attempt_at,
  nextAttemptAt: row.next_attempt_at,
  finishedAt: row.finished_at,
});

const shape = z.tuple([z.string().regex(/^\d{1,18}$/), z.uuid()]);

/** The last row of a page: its event's position, and its id. */
const toDeliveryCursor = (position: string, id: string): string =>
  Buffer.from(JSON.stringify([position, id])).toString('base64url');

/** @throws InvalidCursor where it is not one that this application gave out */
const fromDeliveryCursor = (cursor: string): readonly [string, string] => {
  try {
    return shape.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch {
    throw new InvalidCursor('The cursor: expected the next_cursor of an earlier answer, got something else');
  }
};

const SUBSCRIBE_LOCK = '7205113013';
const SECRET_BYTES = 32;
/** What was prepared and never came about, because the log did not take it, is forgotten after this. */
const PREPARED_FOR = `interval '1 day'`;

const newSecret = (): string => `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;

export class PostgresWebhookStore extends WebhookStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  prepare(webhookId: string, url: string, most: number): Promise<string | null> {
    return this.dataSource.transaction(async (manager) => {
      await manager.query('select pg_advisory_xact_lock($1)', [SUBSCRIBE_LOCK]);
      const made: unknown[] = await manager.query(
        `insert into webhooks (id, url, state, target, event_types, created_at, overfull)
         select $1, $2, 'prepared', '', '[]', clock_timestamp(), false
         where (select count(*) from webhooks) < $3 or exists (select from webhooks where id = $1)
         on conflict (id) do nothing returning id`,
        [webhookId, url, most],
      );
      if (made.length > 0)
        await manager.query(
          `insert into webhook_secrets (webhook_id, id, secret, active, created_at)
           values ($1, $1, $2, true, clock_timestamp())`,
          [webhookId, newSecret()],
        );
      const rows: { secret: string }[] = await manager.query(
        'select secret from webhook_secrets where webhook_id = $1 and id = $1',
        [webhookId],
      );
      return rows[0]?.secret ?? null;
    });
  }

  prepareSecret(
    webhookId: string,
    secretId: string,
    { most, endsOthers }: Readonly<{ most: number; endsOthers: boolean }>,
  ): Promise<string | null> {
    return this.dataSource.transaction(async (manager) => {
      await manager.query('select pg_advisory_xact_lock($1)', [SUBSCRIBE_LOCK]);
      await manager.query(
        `delete from webhook_secrets
         where webhook_id = $1 and (expires_at <= clock_timestamp()
           or not active and id <> $2 and created_at < clock_timestamp() - ${PREPARED_FOR})`,
        [webhookId, secretId],
      );
      if (endsOthers) await manager.query(MAKE_ROOM, [webhookId, secretId, most]);
      await manager.query(
        `insert into webhook_secrets (webhook_id, id, secret, active, created_at)
         select $1, $2, $3, false, clock_timestamp()
         where $5 or (select count(*) from webhook_secrets where webhook_id = $1) < $4 on conflict do nothing`,
        [webhookId, secretId, newSecret(), most, endsOthers],
      );
      const rows: { secret: string }[] = await manager.query(
        'select secret from webhook_secrets where webhook_id = $1 and id = $2',
        [webhookId, secretId],
      );
      return rows[0]?.secret ?? null;
    });
  }

  async reachOf(webhookId: string): Promise<WebhookReach | null> {
    const rows: Pick<Webhook, 'project_id' | 'projects'>[] = await this.dataSource.query(
      `select project_id, projects from webhooks where state <> 'prepared' and id = $1`,
      [webhookId],
    );
    return rows[0] ? { projectId: rows[0].project_id, projects: rows[0].projects ?? 'all' } : null;
  }

  async find(webhookId: string): Promise<WebhookView | null> {
    const rows: WebhookRow[] = await this.dataSource.query(`${WEBHOOKS} and webhooks.id = $1`, [webhookId]);
    return rows[0] ? webhookView(rows[0]) : null;
  }

  async list(): Promise<readonly WebhookView[]> {
    const rows: WebhookRow[] = await this.dataSource.query(`${WEBHOOKS} order by created_at, id`);
    return rows.map(webhookView);
  }

  async deliveries(webhookId: string, { state, cursor, limit }: DeliveriesAsked): Promise<Page<DeliveryView>> {
    const [position, id] = cursor === null ? [null, null] : fromDeliveryCursor(cursor);
    const rows: DeliveryRow[] = await this.dataSource.query(
      `${DELIVERIES} where each.webhook_id = $1 and ($2::text is null or each.state = $2)
         and ($3::bigint is null or (each.position, each.id) < ($3, $4::uuid))
       order by each.position desc, each.id desc limit $5`,
      [webhookId, state, position, id, limit + 1],
    );
    const shown = rows.slice(0, limit);
    const last = rows.length > limit ? shown.at(-1) : undefined;
    return { rows: shown.map(deliveryView), nextCursor: last ? toDeliveryCursor(last.position, last.id) : null };
  }

  redeliver(webhookId: string, deliveryId: string): Promise<DeliveryView | null> {
    return this.dataSource.transaction(async (manager) => {
      await manager.query(
        `insert into webhook_lanes as lane (webhook_id, stream, next_attempt_at)
         select webhook_id, stream, clock_timestamp() from webhook_deliveries where webhook_id = $1 and id = $2
         on conflict (webhook_id, stream) do update set next_attempt_at = excluded.next_attempt_at`,
        [webhookId, deliveryId],
      );
      await manager.query(
        `update webhook_deliveries set state = 'pending', attempts = 0, first_attempt_at = null, finished_at = null
         where webhook_id = $1 and id = $2`,
        [webhookId, deliveryId],
      );
      const rows: DeliveryRow[] = await manager.query(`${DELIVERIES} where each.webhook_id = $1 and each.id = $2`, [
        webhookId,
        deliveryId,
      ]);
      return rows[0] ? deliveryView(rows[0]) : null;
    });
  }

  /** The oldest first; also what was prepared a day ago and never came about. */
  async forget({ keepMs, keepRows, batch }: Retention): Promise<number> {
    await this.dataSource.query(
      `with gone as (
         delete from webhooks where state = 'prepared' and created_at < clock_timestamp() - ${PREPARED_FOR}
           and created_at < (select updated_at from webhook_cursor) - interval '1 hour' returning id
       ) delete from webhook_secrets using gone where webhook_id = gone.id`,
    );
    const rows: { count: number }[] = await this.dataSource.query(
      `with old as (select clock_timestamp() - $1::float8 * interval '1 millisecond' as finished_at), many as (
         select finished_at, id from webhook_deliveries where state <> 'pending'
         order by finished_at desc, id desc offset $2 limit 1
       ), gone as (
         delete from webhook_deliveries where id in (
           select id from webhook_deliveries where state <> 'pending'
             and finished_at <= greatest((select finished_at from old), (select finished_at from many))
             and (finished_at < (select finished_at from old) or (finished_at, id) <= (select finished_at, id from many))
           order by finished_at limit $3)
         and state <> 'pending' returning 1
       ) select count(*)::int from gone`,
      [keepMs, keepRows, batch],
    );
    return rows[0]?.count ?? 0;
  }
}

/** What was prepared is bounded too; a moment ago it may have been for an event that is on its way. */
const MAKE_ROOM = `
  delete from webhook_secrets where webhook_id = $1 and id in (
    select id from webhook_secrets where webhook_id = $1 and not active and id <> $2
    order by created_at desc, id offset $3::integer - 1)`;

const WEBHOOKS = `
  select webhooks.id, target, description, event_types, project_id, execution_id, projects, state, disabled, created_by, created_at,
    revision,
    (select coalesce(json_agg(json_build_object('id', own.id, 'created_at', own.created_at, 'expires_at', own.expires_at)
       order by own.created_at desc), '[]') from webhook_secrets as own where own.webhook_id = webhooks.id and own.active
       and (own.expires_at is null or own.expires_at > clock_timestamp())) as secrets,
    (select count(*)::int from webhook_deliveries as each
     where each.webhook_id = webhooks.id and each.state = 'pending') as queued,
    (select max(finished_at) from webhook_deliveries as each
     where each.webhook_id = webhooks.id and each.state = 'delivered') as last_delivered_at
  from webhooks where state <> 'prepared'`;

/** Only the oldest of a lane is due; those behind it have no time yet. */
const DELIVERIES = `
  select each.*, case when each.state = 'pending' and not exists (
      select from webhook_deliveries as before where before.webhook_id = each.webhook_id and before.stream = each.stream
        and before.state = 'pending' and before.position < each.position)
    then lane.next_attempt_at end as next_attempt_at
  from webhook_deliveries as each
    left join webhook_lanes as lane on lane.webhook_id = each.webhook_id and lane.stream = each.stream`;
