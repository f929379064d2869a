import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which mapping, and which rebuild, made a read table. */
export class AddRebuilds1763800000060 implements MigrationInterface {
  readonly name = 'AddRebuilds1763800000060';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'alter table projection_checkpoints add column version integer not null default 1, add column rebuild_id uuid',
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table projection_checkpoints drop column version, drop column rebuild_id');
  }
}
