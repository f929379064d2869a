import { PgClient } from '../session/pg-client.js';
import type { DataSource, EntityManager } from 'typeorm';
import {
  WebhookQueue,
  type AttemptReport,
  type ClaimLimits,
  type Claimed,
  type DeliveryOutcome,
  type QueueSession,
} from '../../../application/webhooks/webhook-queue.js';
import { tryLeadOn } from '../session/try-lead.js';
import { CLAIM, claimedOf, type ClaimedRow } from './claim.js';
import { PostgresQueueSession } from './queue-session.js';
import { storable } from '../session/storable.js';

const LEADER_LOCK = '7205113011';
const CLAIM_LOCK = '7205113012';

export type WebhookQueueLimits = Readonly<{
  /** Deliveries that may wait for one subscriber. */
  queued: number;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  /** A leader that the database has not heard of for longer loses its connection: another may lead. */
  silenceMs: number;
}>;

export const DEFAULT_WEBHOOK_QUEUE_LIMITS = {
  connectTimeoutMs: 10_000,
  statementTimeoutMs: 60_000,
  silenceMs: 8_000,
} as const;

/** Whoever holds a session advisory lock makes deliveries of events; every instance makes attempts. */
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

  async tryLead(): Promise<QueueSession | null> {
    const { options } = this.dataSource;
    if (options.type !== 'postgres') throw new Error(`Expected a data source of type postgres, got ${options.type}`);
    const { connectTimeoutMs, statementTimeoutMs, silenceMs, queued } = this.limits;
    const client = new PgClient({
      connectionString: options.url,
      application_name: 'workflow-executor-webhooks',
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: statementTimeoutMs + 1_000,
      keepAlive: true,
    });
    const session = new PostgresQueueSession(client, { queued, beatMs: silenceMs / 4 });
    return tryLeadOn(client, session, LEADER_LOCK, this.limits);
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
