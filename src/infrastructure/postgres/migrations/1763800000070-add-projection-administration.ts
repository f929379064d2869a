import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What operators order and see of the read tables: how fast they are, what was passed over, what differs from the log. */
export class AddProjectionAdministration1763800000070 implements MigrationInterface {
  readonly name = 'AddProjectionAdministration1763800000070';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [events, orders, skipped, drift]) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table projection_orders, projection_skipped, projection_drift');
    await queryRunner.query('alter table projection_checkpoints drop column events');
  }
}

const events = 'alter table projection_checkpoints add column events bigint not null default 0';

const orders = `
  create table projection_orders (
    id uuid primary key,
    projection text not null,
    execution_id text not null,
    action text not null,
    revision bigint not null,
    actor jsonb not null,
    reason text not null,
    placed_at timestamptz(3) not null,
    done_at timestamptz(3),
    outcome text
  )`;

const skipped = `
  create table projection_skipped (
    projection text not null,
    execution_id text not null,
    revision bigint not null,
    position bigint not null,
    event_id text not null,
    error text not null,
    at timestamptz(3) not null,
    actor jsonb not null,
    reason text not null,
    primary key (projection, execution_id, revision)
  )`;

const drift = `
  create table projection_drift (
    projection text not null,
    execution_id text not null,
    position bigint not null,
    differences integer not null,
    samples jsonb not null,
    found_at timestamptz(3) not null,
    primary key (projection, execution_id)
  )`;
