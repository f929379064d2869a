import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which receivers answer in time, and lanes found by subscriber: one that hangs must not keep the others waiting. */
export class NoteReceivers1763800000150 implements MigrationInterface {
  readonly name = 'NoteReceivers1763800000150';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop index webhook_lanes_claimed');
    await queryRunner.query('drop index webhook_lanes_of_one_due');
    await queryRunner.query('alter table webhooks drop column silent_at, drop column receiver_state');
  }
}

const statements = [
  `alter table webhooks add column receiver_state text not null default 'unknown', add column silent_at timestamptz(3)`,
  'create index webhook_lanes_of_one_due on webhook_lanes (webhook_id, next_attempt_at, stream)',
  'create index webhook_lanes_claimed on webhook_lanes (claimed_until) where claimed_until is not null',
];
