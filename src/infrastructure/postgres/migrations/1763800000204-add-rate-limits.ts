import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Counts of what all instances limit together, in the columns that the library expects, in their order. Nothing is lost with them:
 * they are not written to Postgres' log, and begin anew after its crash.
 */
export class AddRateLimits1763800000204 implements MigrationInterface {
  readonly name = 'AddRateLimits1763800000204';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `create unlogged table rate_limits (key varchar(255) primary key, points integer not null default 0, expire bigint)`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table rate_limits');
  }
}
