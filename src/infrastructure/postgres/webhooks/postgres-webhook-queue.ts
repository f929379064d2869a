import type { DataSource, EntityManager } from 'typeorm';
import {
  WebhookQueue,
  type AttemptReport,
  type ClaimLimits,
  type Claimed,
  type DeliveryOutcome,
  type QueueLease,
  type ReceiverState,
} from '../../../application/webhooks/webhook-queue.js';
import { tryLease, type LeaseLimits } from '../session/lease.js';
import { storable } from '../session/pg-client.js';
import { PostgresQueueSession } from './queue-session.js';

/** How deliveries that are due are claimed. */

/**
 * $1 how many to receivers that are not silent, $2 of one subscriber, $3 milliseconds until another may have them, $4 the
 * claim, $5 how many of $1 are for receivers with nothing under way, $6 how many to silent ones. However much waits for a
 * subscriber, only as many of its lanes are looked at as it may have.
 */
const CLAIM = `
  with busy as (
    select webhook_id, count(*) as lanes from webhook_lanes where claimed_until > clock_timestamp() group by webhook_id
  ), due as (
    select webhook.id as webhook_id, lane.stream, lane.next_attempt_at, webhook.receiver_state, webhook.silent_at,
      coalesce(busy.lanes, 0)
        + row_number() over (partition by webhook.id order by lane.next_attempt_at, lane.stream) as place
    from webhooks as webhook left join busy on busy.webhook_id = webhook.id
      cross join lateral (
        select stream, next_attempt_at from webhook_lanes as each
        where each.webhook_id = webhook.id and each.next_attempt_at <= clock_timestamp()
          and (each.claimed_until is null or each.claimed_until <= clock_timestamp())
        order by each.next_attempt_at, each.stream limit $2
      ) as lane
    where webhook.state = 'enabled'
  ), ranked as (
    select webhook_id, stream, receiver_state, place, row_number() over (
      partition by receiver_state = 'silent' order by silent_at nulls first, place, next_attempt_at) as rank
    from due where place <= case receiver_state when 'answering' then $2::integer else 1 end
  ), picked as (
    select lane.webhook_id, lane.stream from webhook_lanes as lane join ranked using (webhook_id, stream)
    where case receiver_state when 'silent' then rank <= $6::integer
      else rank <= $1::integer and (place = 1 or rank <= $1::integer - $5::integer) end
    for update of lane skip locked
  ), claimed as (
    update webhook_lanes as lane
    set claim = $4, claimed_until = clock_timestamp() + $3::float8 * interval '1 millisecond'
    from picked where lane.webhook_id = picked.webhook_id and lane.stream = picked.stream
    returning lane.webhook_id, lane.stream
  )
  select head.id, head.webhook_id, head.stream, head.revision, head.position, head.attempts, webhooks.url, webhooks.receiver_state,
    greatest(0, coalesce(extract(epoch from clock_timestamp() - head.first_attempt_at) * 1000, 0))::float8 as age_ms,
    array(select secret from webhook_secrets as own where own.webhook_id = head.webhook_id and own.active
      and (own.expires_at is null or own.expires_at > clock_timestamp()) order by own.created_at desc, own.id) as secrets
  from claimed join webhooks on webhooks.id = claimed.webhook_id
    cross join lateral (
      select * from webhook_deliveries as each
      where each.webhook_id = claimed.webhook_id and each.stream = claimed.stream and each.state = 'pending'
      order by each.position limit 1
    ) as head`;

type ClaimedRow = Readonly<{ id: string; webhook_id: string; url: string; secrets: string[]; stream: string }> &
  Readonly<{ receiver_state: ReceiverState; revision: string; position: string; attempts: number; age_ms: number }>;

const claimedOf = (row: ClaimedRow, token: string): Claimed => ({
  deliveryId: row.id,
  webhookId: row.webhook_id,
  url: row.url,
  receiver: row.receiver_state,
  secrets: row.secrets,
  stream: row.stream,
  revision: BigInt(row.revision),
  position: BigInt(row.position),
  attempts: row.attempts,
  ageMs: row.age_ms,
  token,
});

const LEASE = { key: '7205113011', name: 'workflow-executor-webhooks' };
const CLAIM_LOCK = '7205113012';

type WebhookQueueLimits = LeaseLimits &
  Readonly<{
    /** Deliveries that may wait for one subscriber. */
    queued: number;
  }>;

/** The leader, which holds the advisory lock, makes deliveries of events; every instance makes attempts. */
export class PostgresWebhookQueue extends WebhookQueue {
  constructor(
    private readonly dataSource: DataSource,
    private readonly limits: WebhookQueueLimits,
  ) {
    super();
  }

  async begin(head: bigint | 'start'): Promise<void> {
    await this.dataSource.query(
      'insert into webhook_cursor (id, position, updated_at) values (1, $1, clock_timestamp()) on conflict do nothing',
      [head === 'start' ? null : String(head)],
    );
  }

  async tryLead(): Promise<QueueLease | null> {
    const held = await tryLease(this.dataSource, LEASE, this.limits);
    return held && new PostgresQueueSession(held, this.limits.queued);
  }

  /** One after the other, so that what is under way to one subscriber is counted right. */
  claim(limits: ClaimLimits, token: string): Promise<readonly Claimed[]> {
    const { most, reserved, mostSilent, perTarget, leaseMs } = limits;
    return this.dataSource.transaction(async (manager) => {
      await manager.query('select pg_advisory_xact_lock($1)', [CLAIM_LOCK]);
      const rows: ClaimedRow[] = await manager.query(CLAIM, [most, perTarget, leaseMs, token, reserved, mostSilent]);
      return rows.map((row) => claimedOf(row, token));
    });
  }

  async finish(claimed: Claimed, report: AttemptReport, outcome: DeliveryOutcome, restMs = 0): Promise<void> {
    await this.noteReceiver(claimed, report);
    await this.dataSource.transaction(async (manager) => {
      if (!(await holds(manager, claimed))) return;
      const { deliveryId, webhookId, stream } = claimed;
      await manager.query(REPORT, [
        ...[deliveryId, outcome.state, report.statusCode, report.durationMs],
        ...[storable(report.error), storable(report.responseExcerpt)],
      ]);
      if (outcome.state === 'pending') {
        await manager.query(LATER, [webhookId, stream, outcome.pauseMs]);
        return;
      }
      await manager.query(LATER, [webhookId, stream, restMs]);
      await manager.query(
        `delete from webhook_lanes as lane where webhook_id = $1 and stream = $2 and not exists (
           select from webhook_deliveries as next
           where next.webhook_id = lane.webhook_id and next.stream = lane.stream and next.state = 'pending')`,
        [webhookId, stream],
      );
    });
  }

  async holds({ webhookId, stream, token }: Claimed): Promise<boolean> {
    const rows: unknown[] = await this.dataSource.query(
      `select from webhook_lanes
       where webhook_id = $1 and stream = $2 and claim = $3 and claimed_until > clock_timestamp()`,
      [webhookId, stream, token],
    );
    return rows.length > 0;
  }

  /** Outside the transaction, which holds the lane: a change of the subscription takes the two in the other order. */
  private async noteReceiver({ webhookId, receiver }: Claimed, { statusCode, isLate }: AttemptReport): Promise<void> {
    if (isLate) await this.dataSource.query(SILENT, [webhookId]);
    else if (statusCode !== null && receiver !== 'answering') await this.dataSource.query(ANSWERING, [webhookId]);
  }

  async release(claimed: Claimed, pauseMs: number): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      if (await holds(manager, claimed)) await manager.query(LATER, [claimed.webhookId, claimed.stream, pauseMs]);
    });
  }
}

const SILENT = `update webhooks set receiver_state = 'silent', silent_at = clock_timestamp() where id = $1`;
const ANSWERING = `update webhooks set receiver_state = 'answering', silent_at = null where id = $1`;

const REPORT = `
  update webhook_deliveries set state = $2, attempts = attempts + 1, status_code = $3, duration_ms = $4::integer, error = $5,
    response_excerpt = $6, last_attempt_at = clock_timestamp(),
    first_attempt_at = coalesce(first_attempt_at, clock_timestamp() - $4::integer * interval '1 millisecond'),
    finished_at = case when $2 = 'pending' then null else clock_timestamp() end
  where id = $1`;

const LATER = `
  update webhook_lanes set claim = null, claimed_until = null,
    next_attempt_at = clock_timestamp() + $3::float8 * interval '1 millisecond'
  where webhook_id = $1 and stream = $2`;

const holds = async (manager: EntityManager, { webhookId, stream, token }: Claimed): Promise<boolean> => {
  const rows: unknown[] = await manager.query(
    'select from webhook_lanes where webhook_id = $1 and stream = $2 and claim = $3 for update',
    [webhookId, stream, token],
  );
  return rows.length > 0;
};
