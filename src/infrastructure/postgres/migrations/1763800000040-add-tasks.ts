import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What agents report of their attempts, and the secret that their task tokens are made with. */
export class AddTasks1763800000040 implements MigrationInterface {
  readonly name = 'AddTasks1763800000040';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [progress, secrets]) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table installation_secrets');
    const columns = ['deferred_at', 'heartbeat_due_at', 'progress_percent', 'progress_message', 'progress_at'];
    for (const column of columns) await queryRunner.query(`alter table workflow_steps drop column ${column}`);
  }
}

const progress = `
  alter table workflow_steps
    add column deferred_at timestamptz(3),
    add column heartbeat_due_at timestamptz(3),
    add column progress_percent double precision,
    add column progress_message text,
    add column progress_at timestamptz(3)`;

const secrets = `
  create table installation_secrets (
    name text primary key,
    value bytea not null
  )`;
