import type pg from 'pg';
import { failpoint } from '../../../application/runtime/failpoint.js';
import type { LogMark } from '../../../application/log/log-identity.js';
import type { QueueLease, QueueStep, Subscription } from '../../../application/webhooks/webhook-queue.js';
import { unreachable } from '../../../domain/decider.js';
import type { HeldConnection } from '../session/lease.js';
import { storable, storableJson } from '../session/pg-client.js';

type Change = Extract<QueueStep, { kind: 'change' }>;
type Client = Pick<pg.Client, 'query'>;

/** An event of a subscription's stream, in its row. What was never prepared, in another database perhaps, has none. */
const applyChange = async (client: Client, { webhookId, event, recorded }: Change): Promise<void> => {
  const revision = String(recorded.revision);
  const { actor, reason } = event.data;
  const at = new Date(event.data.at).toISOString();
  switch (event.type) {
    case 'WebhookSubscribed': {
      const { eventTypes, projectId, executionId } = event.data.filter;
      const { projects = null } = event.data;
      await client.query(
        `update webhooks set state = 'enabled', target = $3, description = $4, event_types = $5, project_id = $6,
           execution_id = $7, created_by = $8, created_at = $9, projects = $10, revision = $2
         where id = $1 and state = 'prepared'`,
        [
          ...[webhookId, revision, event.data.target, event.data.description, storableJson(eventTypes)],
          ...[projectId, executionId, storableJson(actor), at, projects && storableJson(projects)],
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

type Delivery = Extract<QueueStep, { kind: 'deliver' }>;

/** One transaction after the other, on the connection whose lock is the right to make deliveries. */
export class PostgresQueueSession implements QueueLease {
  readonly lost: AbortSignal;

  /** @param queued how many deliveries may wait for one subscriber */
  constructor(
    private readonly held: HeldConnection,
    private readonly queued: number,
  ) {
    this.lost = held.lost;
  }

  position(): Promise<bigint | 'start'> {
    return this.held.inTurn(async (client) => {
      const { rows } = await client.query<{ position: string | null }>('select position from webhook_cursor');
      const position = rows[0]?.position;
      if (position === undefined) throw new Error('Expected a row in webhook_cursor, found none');
      return position === null ? 'start' : BigInt(position);
    });
  }

  subscriptions(): Promise<ReadonlyMap<string, Subscription>> {
    return this.held.inTurn(subscriptionsIn);
  }

  take(
    steps: readonly QueueStep[],
    from: bigint | 'start',
    to: bigint,
    lastEvent: LogMark | null = null,
  ): Promise<readonly string[]> {
    return this.held.inTurn(async (client) => {
      await client.query('begin');
      try {
        const overfull: string[] = [];
        for (const run of runsOf(steps)) {
          if (run.kind === 'change') await applyChange(client, run.step);
          else overfull.push(...(await queue(client, run.steps, this.queued)));
        }
        await move(client, from, to, lastEvent);
        failpoint('webhooks-before-commit');
        await client.query('commit');
        return overfull;
      } catch (error) {
        // A connection that cannot even roll back is of no more use; the server does it when it is closed.
        await client.query('rollback').catch(() => this.close());
        throw error;
      }
    });
  }

  close(): Promise<void> {
    return this.held.close();
  }
}

type SubscriptionRow = Readonly<{ id: string; state: string; overfull: boolean; event_types: string[] }> &
  Readonly<{ project_id: string | null; execution_id: string | null; projects: string[] | null }>;

const subscriptionsIn = async (client: pg.Client): Promise<ReadonlyMap<string, Subscription>> => {
  const { rows } = await client.query<SubscriptionRow>(
    `select id, event_types, project_id, execution_id, projects, state, overfull from webhooks where state <> 'prepared'`,
  );
  return new Map(
    rows.map(({ id, event_types, project_id, execution_id, projects, state, overfull }) => [
      id,
      {
        filter: { eventTypes: event_types, projectId: project_id, executionId: execution_id },
        projects: projects ?? 'all',
        isEnabled: state === 'enabled',
        isOverfull: overfull,
      },
    ]),
  );
};

/** @returns the subscriptions for which more than `most` would wait */
const queue = async (client: pg.Client, deliveries: readonly Delivery[], most: number): Promise<readonly string[]> => {
  const webhooks = [...new Set(deliveries.map(({ webhookId }) => webhookId))];
  const { rows } = await client.query<{ webhook_id: string; count: number }>(
    `select webhook_id, count(*)::int from webhook_deliveries
     where state = 'pending' and webhook_id = any($1::uuid[]) group by webhook_id`,
    [webhooks],
  );
  const room = new Map(webhooks.map((id) => [id, most]));
  for (const { webhook_id, count } of rows) room.set(webhook_id, most - count);
  const overfull = new Set<string>();
  const taken = deliveries.filter(({ webhookId }) => {
    const left = room.get(webhookId)!;
    room.set(webhookId, left - 1);
    if (left <= 0) overfull.add(webhookId);
    return left > 0;
  });
  await insert(client, taken);
  if (overfull.size > 0)
    await client.query('update webhooks set overfull = true where id = any($1::uuid[])', [[...overfull]]);
  return [...overfull];
};

/** The lane's row is locked, so that the instance that finishes its last delivery sees these, or comes before them. */
const insert = async (client: pg.Client, deliveries: readonly Delivery[]): Promise<void> => {
  if (deliveries.length === 0) return;
  const column = (of: (delivery: Delivery) => unknown) => deliveries.map(of).map(storable);
  const [webhooks, streams] = [column((it) => it.webhookId), column((it) => it.recorded.stream)];
  await client.query(
    `insert into webhook_lanes as lane (webhook_id, stream, next_attempt_at)
     select webhook_id, stream, clock_timestamp()
     from (select distinct webhook_id, stream from unnest($1::uuid[], $2::text[]) as each(webhook_id, stream)) as made
     on conflict (webhook_id, stream) do update set webhook_id = excluded.webhook_id`,
    [webhooks, streams],
  );
  await client.query(
    `insert into webhook_deliveries
       (id, webhook_id, stream, revision, position, event_id, event_type, execution_id, state, attempts, created_at)
     select id, webhook_id, stream, revision, position, event_id, event_type, execution_id, 'pending', 0, clock_timestamp()
     from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[])
       as made(id, webhook_id, stream, revision, position, event_id, event_type, execution_id)
     on conflict do nothing`,
    [
      ...[column((it) => it.id), webhooks, streams],
      ...[column((it) => it.recorded.revision), column((it) => it.recorded.position)],
      ...[column((it) => it.recorded.id), column((it) => it.recorded.type), column((it) => it.executionId)],
    ],
  );
};

const move = async (
  client: pg.Client,
  from: bigint | 'start',
  to: bigint,
  lastEvent: LogMark | null,
): Promise<void> => {
  const { rowCount } = await client.query(
    `update webhook_cursor set position = $2, updated_at = clock_timestamp(),
       event_position = coalesce($3, event_position), event_id = coalesce($4, event_id)
     where position is not distinct from $1`,
    [
      from === 'start' ? null : String(from),
      String(to),
      lastEvent && String(lastEvent.position),
      lastEvent?.id ?? null,
    ],
  );
  if (rowCount !== 1) throw new Error(`Expected the webhooks' position at ${from}, another session has moved it`);
};

type Run =
  | Readonly<{ kind: 'change'; step: Extract<QueueStep, { kind: 'change' }> }>
  | Readonly<{ kind: 'deliver'; steps: Delivery[] }>;

/** Deliveries that follow each other are queued together. */
const runsOf = (steps: readonly QueueStep[]): readonly Run[] => {
  const runs: Run[] = [];
  for (const step of steps) {
    const last = runs.at(-1);
    if (step.kind === 'change') runs.push({ kind: 'change', step });
    else if (last?.kind === 'deliver') last.steps.push(step);
    else runs.push({ kind: 'deliver', steps: [step] });
  }
  return runs;
};
