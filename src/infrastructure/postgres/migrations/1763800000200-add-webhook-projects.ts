import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Of which projects a subscription's creator might manage webhooks; null, as of all before: all. */
export class AddWebhookProjects1763800000200 implements MigrationInterface {
  readonly name = 'AddWebhookProjects1763800000200';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table webhooks add column projects jsonb');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table webhooks drop column projects');
  }
}
