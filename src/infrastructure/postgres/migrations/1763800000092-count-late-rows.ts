import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Whoever has followed a table up to a position has to know when rows came to be there behind it. `position`: where the
 * table stood then. Not a column of the checkpoints, which are exchanged with their tables.
 */
export class CountLateRows1763800000092 implements MigrationInterface {
  readonly name = 'CountLateRows1763800000092';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `create table projection_late (
         projection text primary key, position bigint not null,
         late bigint not null default 0, exchanged bigint not null default 0)`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table projection_late');
  }
}
