import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where each event of the audit tree stands since the log was moved to another server; null where it was recorded. */
export class NoteMovedEvents1763800000191 implements MigrationInterface {
  readonly name = 'NoteMovedEvents1763800000191';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table audit_leaves add column moved_to bigint');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table audit_leaves drop column moved_to');
  }
}
