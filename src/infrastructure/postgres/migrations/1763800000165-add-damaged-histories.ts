import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Executions whose history is not whole: no instance takes them further, and reads show why. */
export class AddDamagedHistories1763800000165 implements MigrationInterface {
  readonly name = 'AddDamagedHistories1763800000165';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `create table damaged_histories (
         execution_id text primary key, damage text not null, what text not null, found_at timestamptz(3) not null)`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table damaged_histories');
  }
}
