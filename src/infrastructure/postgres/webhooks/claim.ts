/** How deliveries that are due are claimed. */
import type { Claimed, ReceiverState } from '../../../application/webhooks/webhook-queue.js';

/**
 * $1 how many to receivers that are not silent, $2 of one subscriber, $3 milliseconds until another may have them, $4 the
 * claim, $5 how many of $1 are for receivers with nothing under way, $6 how many to silent ones. However much waits for a
 * subscriber, only as many of its lanes are looked at as it may have.
 */
export const CLAIM = `
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

export type ClaimedRow = Readonly<{ id: string; webhook_id: string; url: string; secrets: string[]; stream: string }> &
  Readonly<{ receiver_state: ReceiverState; revision: string; position: string; attempts: number; age_ms: number }>;

export const claimedOf = (row: ClaimedRow, token: string): Claimed => ({
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
