import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What each event's content and its place in its stream hash to. Null in rows of before, until they are rebuilt. */
export class AddEventHashes1763800000080 implements MigrationInterface {
  readonly name = 'AddEventHashes1763800000080';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table workflow_events add column hash text, add column previous_hash text');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table workflow_events drop column hash, drop column previous_hash');
  }
}
