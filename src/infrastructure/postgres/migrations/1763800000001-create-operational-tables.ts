import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the projections keep about themselves, the files, and the signs of life of the instances. */
export class CreateOperationalTables1763800000001 implements MigrationInterface {
  readonly name = 'CreateOperationalTables1763800000001';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [checkpoints, poison, artifacts, workers]) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table projection_checkpoints, projection_poison, artifacts, workers');
  }
}

const checkpoints = `
  create table projection_checkpoints (
    projection text primary key,
    position bigint not null,
    last_event_at timestamptz(3),
    updated_at timestamptz(3) not null
  )`;

const poison = `
  create table projection_poison (
    projection text not null,
    execution_id text not null,
    position bigint not null,
    revision bigint not null,
    event_id text not null,
    error text not null,
    at timestamptz(3) not null,
    primary key (projection, execution_id)
  )`;

const artifacts = `
  create table artifacts (
    sha256 text primary key,
    bytes integer not null,
    content_type text not null,
    content bytea not null,
    created_at timestamptz(3) not null default now()
  )`;

const workers = `
  create table workers (
    id text primary key,
    heartbeat_at timestamptz(3) not null
  )`;
