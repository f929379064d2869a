import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who is told of events, under which secrets, of what, and how far the log was gone through for it. */
export class AddWebhooks1763800000110 implements MigrationInterface {
  readonly name = 'AddWebhooks1763800000110';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [webhooks, secrets, deliveries, lanes, cursor, ...indexes])
      await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const tables = 'webhooks, webhook_secrets, webhook_deliveries, webhook_lanes, webhook_cursor';
    await queryRunner.query(`drop table ${tables}`);
  }
}

const webhooks = `
  create table webhooks (
    id uuid primary key,
    url text not null,
    state text not null,
    target text not null,
    description text,
    event_types jsonb not null,
    project_id text,
    execution_id text,
    created_by jsonb,
    created_at timestamptz(3) not null,
    disabled jsonb,
    overfull boolean not null,
    revision bigint
  )`;

const secrets = `
  create table webhook_secrets (
    webhook_id uuid not null,
    id uuid not null,
    secret text not null,
    active boolean not null,
    created_at timestamptz(3) not null,
    expires_at timestamptz(3),
    primary key (webhook_id, id)
  )`;

const deliveries = `
  create table webhook_deliveries (
    id uuid primary key,
    webhook_id uuid not null,
    stream text not null,
    revision bigint not null,
    position bigint not null,
    event_id text not null,
    event_type text not null,
    execution_id text,
    state text not null,
    attempts integer not null,
    status_code integer,
    duration_ms integer,
    error text,
    response_excerpt text,
    created_at timestamptz(3) not null,
    first_attempt_at timestamptz(3),
    last_attempt_at timestamptz(3),
    finished_at timestamptz(3)
  )`;

/** One row for each execution of which something waits for a subscriber. */
const lanes = `
  create table webhook_lanes (
    webhook_id uuid not null,
    stream text not null,
    next_attempt_at timestamptz(3) not null,
    claim uuid,
    claimed_until timestamptz(3),
    primary key (webhook_id, stream)
  )`;

const cursor = `
  create table webhook_cursor (
    id integer primary key,
    position bigint,
    updated_at timestamptz(3) not null
  )`;

const indexes = [
  `create index webhook_deliveries_pending on webhook_deliveries (webhook_id, stream, position) where state = 'pending'`,
  'create index webhook_deliveries_by_position on webhook_deliveries (webhook_id, position desc)',
  `create index webhook_deliveries_over on webhook_deliveries (finished_at) where state <> 'pending'`,
  `create index webhook_deliveries_delivered on webhook_deliveries (webhook_id, finished_at desc) where state = 'delivered'`,
  'create index webhook_lanes_due on webhook_lanes (next_attempt_at)',
];
